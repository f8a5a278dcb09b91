/** From and to, both included. */
export type SeqRange = readonly [from: number, to: number];

const first = 1;
const last = Number.MAX_SAFE_INTEGER;

/** Numbers of rows in the outbox, as ranges: in order, and none next to another. */
export class SeqSet {
  static readonly empty = new SeqSet([]);
  readonly ranges: readonly SeqRange[];

  private constructor(ranges: readonly SeqRange[]) {
    this.ranges = ranges;
  }

  /** @param ranges in any order */
  static of(ranges: readonly SeqRange[]): SeqSet {
    const sorted = ranges.every(([from], n) => n === 0 || from >= (ranges[n - 1]?.[0] ?? 0))
      ? ranges
      : [...ranges].sort(([a], [b]) => a - b);
    const joined: [number, number][] = [];
    for (const [from, to] of sorted) {
      const before = joined.at(-1);
      if (before && from <= before[1] + 1) before[1] = Math.max(before[1], to);
      else joined.push([from, to]);
    }
    return new SeqSet(joined);
  }

  /** Everything up to a number. */
  static upTo(top: number): SeqSet {
    return top < first ? SeqSet.empty : new SeqSet([[first, top]]);
  }

  get isEmpty(): boolean {
    return this.ranges.length === 0;
  }

  /** Everything up to it is in; 0 when the first is not. */
  get floor(): number {
    const [from, to] = this.ranges[0] ?? [0, 0];
    return from === first ? to : 0;
  }

  get top(): number {
    return this.ranges.at(-1)?.[1] ?? 0;
  }

  with(seqs: readonly number[]): SeqSet {
    return this.union(SeqSet.of(seqs.map((seq) => [seq, seq])));
  }

  union(other: SeqSet): SeqSet {
    if (other.isEmpty) return this;
    return SeqSet.of([...this.ranges, ...other.ranges]);
  }

  /** What is not in it. */
  complement(): SeqSet {
    const gaps: SeqRange[] = [];
    let next = first;
    for (const [from, to] of this.ranges) {
      if (from > next) gaps.push([next, from - 1]);
      next = to + 1;
    }
    if (next <= last) gaps.push([next, last]);
    return new SeqSet(gaps);
  }

  without(other: SeqSet): SeqSet {
    return this.complement().union(other).complement();
  }
}
