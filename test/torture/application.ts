import type { Random } from './random.js';

/** The application that writes the primary. What it has written is in the model. */
export interface Application {
  /** Writes most of the records. */
  fill(): Promise<void>;
  /** Changes records until the work is done. */
  during(work: () => Promise<void>): Promise<void>;
  /** Changes that many records at random, in one transaction of the primary. */
  change(count: number): Promise<void>;
  /** Changes one record for certain. */
  touch(id: string): Promise<void>;
  /** One entry of the feed that cannot be applied, and is no record of the model. */
  poison(): Promise<void>;
}

const hotRecords = 40;

/** An id that many want, more often than not. */
export function someId(random: Random, ids: readonly string[]): string {
  const some = random.chance(0.5) ? Math.min(hotRecords, ids.length) : ids.length;
  return ids[random.integer(0, some - 1)]!;
}

/** Such ids, each once. */
export function someIds(random: Random, ids: readonly string[], count: number): string[] {
  return [...new Set(Array.from({ length: count }, () => someId(random, ids)))];
}
