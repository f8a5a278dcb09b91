import type { Request } from 'express';
import { PrefetchError } from '../errors.js';

declare global {
  namespace Express {
    /**
     * What lookups attach to `req.prefetch`. Merge your records into it to have them typed there:
     *
     * @example
     * declare global {
     *   namespace Express {
     *     interface PrefetchedRecords { category: Category }
     *   }
     * }
     */
    interface PrefetchedRecords {}

    interface Request {
      /** What the lookups of this request found, by their names. */
      prefetch: PrefetchedRecords;
    }
  }
}

/** What one lookup found, request by request. */
export class Findings<F> {
  readonly #dataset: string;
  readonly #name: string | undefined;
  readonly #found = new WeakMap<Request, { finding: F }>();

  /** @param name where `req.prefetch` shows it; undefined: nowhere */
  constructor(dataset: string, name: string | undefined) {
    this.#dataset = dataset;
    this.#name = name;
  }

  attach(req: Request, finding: F): void {
    this.#found.set(req, { finding });
    const records = ((req as unknown as { prefetch?: Record<string, unknown> }).prefetch ??= {});
    if (this.#name !== undefined) records[this.#name] = finding;
  }

  /** @throws PrefetchError when the lookup has not run for this request */
  of(req: Request): F {
    const found = this.#found.get(req);
    if (found) return found.finding;
    throw new PrefetchError(
      'ERR_PREFETCH_LOOKUP_NOT_MOUNTED',
      `The lookup "${this.#name ?? this.#dataset}" has not run for this request. Mount it before the handler that calls from(req).`,
    );
  }
}
