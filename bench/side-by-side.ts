/** One job, done in two ways in turns, so that whatever else the machine does hits both alike. */
export interface Comparison {
  readonly name: string;
  /** How many operations one run of the job is. */
  readonly operations: number;
  /** The job as one would write it by hand, or the part of it that bounds it. */
  byHand(): Promise<unknown>;
  /** What that is. @default 'by hand' */
  readonly other?: string;
  ours(): Promise<unknown>;
  /** Done before each run of either, and not measured. */
  before?(): Promise<unknown>;
  /** What the ratio of the speeds, ours to by hand, must reach. */
  readonly target: number;
  readonly rounds?: number;
}

export interface Result {
  readonly name: string;
  readonly figures: string;
  readonly isMet: boolean;
}

/** Runs both once to warm up, then in turns; the ratio is that of the medians. */
export async function sideBySide(comparison: Comparison): Promise<Result> {
  const { name, operations, target, rounds = 7, other = 'by hand' } = comparison;
  const handMs: number[] = [];
  const oursMs: number[] = [];
  const run = async (job: () => Promise<unknown>) => {
    await comparison.before?.();
    return timed(job);
  };
  const byHand = () => run(() => comparison.byHand());
  const ours = () => run(() => comparison.ours());
  await byHand();
  await ours();
  for (let round = 0; round < rounds; round++) {
    const inTurn = [async () => handMs.push(await byHand()), async () => oursMs.push(await ours())];
    for (const measure of round % 2 === 0 ? inTurn : inTurn.reverse()) await measure();
  }
  const ratio = median(handMs) / median(oursMs);
  const figures = [
    `ours ${perSecond(operations, median(oursMs))}`,
    `${other} ${perSecond(operations, median(handMs))}`,
    ratioShown(ratio, target),
  ].join(', ');
  return { name, figures, isMet: ratio >= target };
}

export function ratioShown(ratio: number, target: number): string {
  return `ratio ${Number(ratio.toPrecision(3))} (target ${target})`;
}

/** Does the job `operations` times, so many at once. */
export async function inFlight(
  atOnce: number,
  operations: number,
  job: (i: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < operations) await job(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function timed(job: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await job();
  return performance.now() - startedAt;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? NaN)) / 2;
}

/** @param sorted the lowest first */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor(sorted.length * share)] ?? NaN;
}

function perSecond(operations: number, ms: number): string {
  return `${Math.round((1000 * operations) / ms).toLocaleString('en')}/s`;
}
