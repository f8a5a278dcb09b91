import { parseArgs } from 'node:util';
import type { Layout } from '../support/item.js';

export const sourceKinds = ['redis-stream', 'postgres', 'outbox'] as const;

const listed = new Intl.ListFormat('en', { type: 'disjunction' }).format(sourceKinds);

export type SourceKind = (typeof sourceKinds)[number];

export interface TortureOptions {
  readonly source: SourceKind;
  readonly seconds: number;
  readonly seed: number;
  readonly records: number;
  readonly workers: number;
  readonly webs: number;
  readonly layout: Layout;
}

export const usage = `Usage: npm run torture -- [options]
  --source S    what the workers follow: ${listed} (redis-stream)
  --seconds N   how long faults come (20)
  --seed N      what decides on all that is random (1)
  --records N   how many records there are (2000)
  --workers N   how many workers there are (2)
  --webs N      how many web processes there are (2)
  --layout L    json or hash (by the seed)`;

/** @throws Error that says what is wrong */
export function parseOptions(args: readonly string[]): TortureOptions {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      source: text,
      seconds: text,
      seed: text,
      records: text,
      workers: text,
      webs: text,
      layout: text,
    },
  });
  const whole = (
    name: Exclude<keyof typeof values, 'layout' | 'source'>,
    least: number,
    otherwise: number,
  ): number => {
    const given = values[name];
    if (given === undefined) return otherwise;
    if (/^\d{1,9}$/.test(given) && Number(given) >= least) return Number(given);
    throw new Error(`Expected --${name} to be a whole number >= ${least}, got ${given}.`);
  };
  const seed = whole('seed', 0, 1);
  return {
    source: sourceOf(values.source ?? 'redis-stream'),
    seconds: whole('seconds', 1, 20),
    seed,
    records: whole('records', 100, 2_000),
    workers: whole('workers', 1, 2),
    webs: whole('webs', 1, 2),
    layout: layoutOf(values.layout ?? (seed % 2 === 0 ? 'hash' : 'json')),
  };
}

function layoutOf(given: string): Layout {
  if (given === 'json') return 'JSON';
  if (given === 'hash') return 'HASH';
  throw new Error(`Expected --layout to be json or hash, got ${given}.`);
}

function sourceOf(given: string): SourceKind {
  const kind = sourceKinds.find((each) => each === given);
  if (kind !== undefined) return kind;
  throw new Error(`Expected --source to be ${listed}, got ${given}.`);
}
