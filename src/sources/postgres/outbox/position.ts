import { type SeqRange, SeqSet } from './seq-set.js';

/** How far somebody has come who took over the outbox or took a snapshot: so many batches after that. */
export interface Mark {
  /** Another one for each session and each snapshot. */
  readonly epoch: number;
  readonly batch: number;
}

/** What has been applied. Not a number: transactions do not commit in the order of the numbers of their rows. */
export interface Position extends Mark {
  /** Up to where the outbox was known to be forgotten. */
  readonly forgotten: Mark;
  /** The fingerprint of the server, the table and its triggers as they were. */
  readonly layout: string;
  /** The rows of the outbox that were applied, or that the snapshot holds. */
  readonly applied: SeqSet;
}

const pattern = /^(\d{1,15})\.(\d{1,15})<(\d{1,15})\.(\d{1,15})@([0-9a-f]{16}):([\d,-]*)$/;
const range = /^([1-9]\d{0,14})(?:-([1-9]\d{0,14}))?$/;

export function parsePosition(text: string): Position | undefined {
  const [, epoch, batch, forgottenEpoch, forgottenBatch, layout, list] = pattern.exec(text) ?? [];
  if (layout === undefined || list === undefined) return undefined;
  const ranges = list === '' ? [] : list.split(',').map(rangeOf);
  if (!ranges.every((found) => found !== undefined)) return undefined;
  if (ranges.some(([from, to], n) => to < from || from <= (ranges[n - 1]?.[1] ?? -1) + 1)) return undefined;
  return {
    epoch: Number(epoch),
    batch: Number(batch),
    forgotten: { epoch: Number(forgottenEpoch), batch: Number(forgottenBatch) },
    layout,
    applied: SeqSet.of(ranges),
  };
}

function rangeOf(text: string): SeqRange | undefined {
  const [, from, to = from] = range.exec(text) ?? [];
  return from === undefined ? undefined : [Number(from), Number(to)];
}

/** @throws when it is not a position of this kind of source */
export function positionOf(text: string): Position {
  const position = parsePosition(text);
  if (!position) throw new Error(`${text.slice(0, 80)} is not a position of an outbox source.`);
  return position;
}

export function formatPosition({ epoch, batch, forgotten, layout, applied }: Position): string {
  const ranges = applied.ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`));
  return `${epoch}.${batch}<${forgotten.epoch}.${forgotten.batch}@${layout}:${ranges.join(',')}`;
}

export function compareMarks(a: Mark, b: Mark): number {
  return a.epoch - b.epoch || a.batch - b.batch;
}
