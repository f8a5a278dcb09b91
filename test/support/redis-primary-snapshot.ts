import { setTimeout as pause } from 'node:timers/promises';
import type { SnapshotContext, SnapshotResult } from '../../src/sources/redis-stream/index.js';
import type { Item } from './item.js';
import type { TestClient } from './redis.js';

export interface SnapshotPace {
  /** How long each 100 rows take. */
  readonly pauseMs?: number;
}

export function rowsKey(primary: string): string {
  return `${primary}:rows`;
}

export function streamKey(primary: string): string {
  return `${primary}:changes`;
}

/** All rows of a RedisPrimary, and exactly the entry at which they stand. */
export function snapshotOf(client: TestClient, primary: string, { pauseMs = 0 }: SnapshotPace = {}) {
  return async ({ signal }: SnapshotContext): Promise<SnapshotResult<Item>> => {
    const [rows, entries] = await client
      .multi()
      .hVals(rowsKey(primary))
      .xRevRange(streamKey(primary), '+', '-', { COUNT: 1 })
      .exec<'typed'>();
    const [newest] = entries ?? [];
    if (newest === undefined) throw new Error('There is no entry to stand at.');
    return { records: slowly(rows, pauseMs, signal), position: newest.id };
  };
}

async function* slowly(rows: readonly string[], pauseMs: number, signal: AbortSignal): AsyncGenerator<Item> {
  for (const [i, row] of rows.entries()) {
    if (pauseMs > 0 && i % 100 === 99) await pause(pauseMs, undefined, { signal });
    yield JSON.parse(row) as Item;
  }
}
