/** One thing that happened to the primary. */
export type Change<R> =
  | { op: 'upsert'; id: string; record: R; partial?: false; timestampMs?: number }
  /** Only the fields that are there are to be merged into what is cached. */
  | { op: 'upsert'; id: string; record: Partial<R>; partial: true; timestampMs?: number }
  | { op: 'delete'; id: string; timestampMs?: number }
  | { op: 'truncate'; timestampMs?: number }
  /** Something that the source could not make sense of, handed on so that it is not lost; `id` where it says so. */
  | { op: 'invalid'; id?: string; raw: unknown; reason: string; timestampMs?: number };

/** What could not be written, and why. */
export interface Refusal<S> {
  subject: S;
  reason: string;
}

export interface ApplyReport<R> {
  applied: number;
  refusals: readonly Refusal<Change<R>>[];
}
