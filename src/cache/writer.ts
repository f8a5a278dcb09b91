import { hostname } from 'node:os';
import type { Fence } from '../redis/fence.js';
import { type Patience, impatient } from '../redis/patience.js';

/** Who writes to a dataset, and how. */
export interface Writer {
  /** A name for people, which the journal keeps. */
  readonly name: string;
  /** Of the one worker that may write. */
  readonly fence?: Fence | undefined;
  readonly patiently: Patience;
}

/** Tells processes apart, for people. */
export const processName = `${hostname()}:${process.pid}`;

/** Writes of an application that keeps the dataset by hand: nobody is asked whether it may. */
export const anyWriter: Writer = { name: processName, patiently: impatient };
