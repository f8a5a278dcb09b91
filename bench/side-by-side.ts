/** One job, done in two ways in turns, so that whatever else the machine does hits both alike. */
export interface Comparison {
  readonly name: string;
  /** How many operations one run of the job is. */
  readonly operations: number;
  /** The job as one would write it by hand with node-redis. */
  byHand(): Promise<unknown>;
  ours(): Promise<unknown>;
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
  const { name, operations, target, rounds = 7 } = comparison;
  const handMs: number[] = [];
  const oursMs: number[] = [];
  await comparison.byHand();
  await comparison.ours();
  for (let round = 0; round < rounds; round++) {
    const inTurn = [
      async () => handMs.push(await timed(() => comparison.byHand())),
      async () => oursMs.push(await timed(() => comparison.ours())),
    ];
    for (const run of round % 2 === 0 ? inTurn : inTurn.reverse()) await run();
  }
  const ratio = median(handMs) / median(oursMs);
  const figures = [
    `ours ${perSecond(operations, median(oursMs))}`,
    `by hand ${perSecond(operations, median(handMs))}`,
    `ratio ${ratio.toFixed(2)} (target ${target})`,
  ].join(', ');
  return { name, figures, isMet: ratio >= target };
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

function perSecond(operations: number, ms: number): string {
  return `${Math.round((1000 * operations) / ms).toLocaleString('en')}/s`;
}
