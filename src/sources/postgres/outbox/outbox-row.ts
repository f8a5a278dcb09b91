/** One change, as the trigger wrote it down. */
export interface OutboxRow {
  readonly seq: number;
  /** That wrote it. */
  readonly transaction: string;
  readonly timestampMs: number;
  readonly op: string;
  readonly content: string | null;
}
