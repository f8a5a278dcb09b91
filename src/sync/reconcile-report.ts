import type { Finding } from '../cache/record-comparison.js';

export const examplesKept = 20;

export interface ReconcileReport {
  /** Rows that were compared. Those that changes touched meanwhile are not among them. */
  readonly compared: number;
  /** Records of the primary that Redis does not have. */
  readonly missing: number;
  /** Records that are not in Redis as they would be written. */
  readonly different: number;
  /** Records in Redis that the primary does not have. */
  readonly orphaned: number;
  /** Records that were written or removed to put it right. */
  readonly repaired: number;
  /** Rows of which no record can be made, or that do not fit the schema. */
  readonly refused: number;
  /** The first 20 of each. */
  readonly examples: {
    readonly missing: readonly string[];
    /** With no fields where what is there cannot be read as a record. */
    readonly different: readonly { readonly id: string; readonly fields: readonly string[] }[];
    readonly orphaned: readonly string[];
  };
  readonly elapsedMs: number;
  /** Where the snapshot stands that the dataset was compared with. */
  readonly position: string;
}

/** What a reconciliation has found so far. */
export class ReconcileFindings {
  readonly #startedAt = performance.now();
  readonly #missing: string[] = [];
  readonly #different: { id: string; fields: readonly string[] }[] = [];
  #orphaned: readonly string[] = [];
  readonly #counts = { missing: 0, different: 0, orphaned: 0 };
  compared = 0;
  refused = 0;
  repaired = 0;

  add(id: string, finding: Finding): void {
    this.compared++;
    if (finding.is === 'missing') {
      this.#counts.missing++;
      if (this.#missing.length < examplesKept) this.#missing.push(id);
    } else if (finding.is === 'different') {
      this.#counts.different++;
      if (this.#different.length < examplesKept) this.#different.push({ id, fields: finding.fields });
    }
  }

  addOrphans(count: number, examples: readonly string[]): void {
    this.#counts.orphaned = count;
    this.#orphaned = examples;
  }

  report(position: string): ReconcileReport {
    return {
      compared: this.compared,
      ...this.#counts,
      repaired: this.repaired,
      refused: this.refused,
      examples: { missing: this.#missing, different: this.#different, orphaned: this.#orphaned },
      elapsedMs: Math.round(performance.now() - this.#startedAt),
      position,
    };
  }
}
