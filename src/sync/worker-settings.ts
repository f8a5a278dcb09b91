import { optionError } from '../errors.js';
import { milliseconds, positiveInteger, refuseUnknownOptions } from '../options.js';
import { processName } from '../cache/writer.js';

export interface WorkerOptions {
  /**
   * How many changes one transaction applies at most.
   * @default 500
   */
  readonly maxBatch?: number | undefined;
  /**
   * Within which time another worker writes when the one that does dies, stalls or loses its network.
   * @default 5000
   */
  readonly takeoverMs?: number | undefined;
  /**
   * The largest share of the records, from 0 to 1, that a reload or a reconciliation may remove.
   * @default 0.5
   */
  readonly maxShrink?: number | undefined;
  /**
   * How many changes that could not be applied are kept. When more come, the worker waits.
   * @default 1000
   */
  readonly maxDeadLetters?: number | undefined;
  /**
   * Compares the dataset with the primary again and again, and repairs it if told to.
   * @default never
   */
  readonly reconcile?: ReconcileSchedule | undefined;
  /**
   * What others know this worker by.
   * @default the host and the process id
   */
  readonly name?: string | undefined;
}

export interface ReconcileSchedule {
  readonly everyMs: number;
  /** @default false */
  readonly repair?: boolean | undefined;
}

export interface StartOptions {
  /**
   * Load anew and follow from there, whatever an earlier worker left.
   * @default false
   */
  readonly reload?: boolean | undefined;
  /**
   * Let that load remove as many records as it finds, and fill the memory as far as it goes.
   * @default false
   */
  readonly force?: boolean | undefined;
}

export interface WorkerSettings {
  readonly maxBatch: number;
  readonly leaseMs: number;
  readonly beatMs: number;
  readonly maxShrink: number;
  readonly maxDeadLetters: number;
  readonly reconcile: { readonly everyMs: number; readonly repair: boolean } | null;
  readonly name: string;
}

export const workerOptionNames = [
  'maxBatch',
  'takeoverMs',
  'maxShrink',
  'maxDeadLetters',
  'reconcile',
  'name',
] as const;

/** The lease of a writer that is gone expires, and then a standby has to notice. */
const leaseShare = 0.8;
const beatsPerTakeover = 20;
const shortestTakeoverMs = 200;

export function resolveSettings(options: WorkerOptions): WorkerSettings {
  const { maxBatch = 500, takeoverMs = 5_000, maxShrink = 0.5, maxDeadLetters = 1_000 } = options;
  if (milliseconds('takeoverMs', takeoverMs) < shortestTakeoverMs) {
    throw optionError('takeoverMs', `at least ${shortestTakeoverMs}`, takeoverMs);
  }
  if (typeof maxShrink !== 'number' || !(maxShrink >= 0 && maxShrink <= 1)) {
    throw optionError('maxShrink', 'a number from 0 to 1', maxShrink);
  }
  return Object.freeze({
    maxBatch: positiveInteger('maxBatch', maxBatch),
    leaseMs: Math.round(takeoverMs * leaseShare),
    beatMs: Math.round(takeoverMs / beatsPerTakeover),
    maxShrink,
    maxDeadLetters: positiveInteger('maxDeadLetters', maxDeadLetters, 1_000_000),
    reconcile: resolveSchedule(options.reconcile),
    name: resolveWorkerName(options.name ?? processName),
  });
}

function resolveSchedule(given: ReconcileSchedule | undefined): WorkerSettings['reconcile'] {
  if (given === undefined) return null;
  refuseUnknownOptions('reconcile', given, ['everyMs', 'repair']);
  return { everyMs: milliseconds('reconcile.everyMs', given.everyMs), repair: given.repair ?? false };
}

function resolveWorkerName(given: string): string {
  if (typeof given === 'string' && /^[^\s\p{Cc}]{1,200}$/u.test(given)) return given;
  throw optionError('name', 'a name without white space', given);
}
