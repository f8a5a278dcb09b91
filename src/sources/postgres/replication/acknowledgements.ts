import type { Lsn } from './lsn.js';

/** What the server may forget, of all sessions that follow one slot in this process. */
export class Acknowledgements {
  readonly #delayMs: number;
  readonly #now: () => number;
  /** What each session still needs: everything after. */
  readonly #needed = new Map<object, Lsn>();
  /** In Redis, but perhaps not yet on its disk. */
  readonly #fresh = new Map<object, { lsn: Lsn; at: number }[]>();

  constructor(delayMs: number, now = () => performance.now()) {
    this.#delayMs = delayMs;
    this.#now = now;
  }

  /** Nothing after it is forgotten until the session says so, or is released. */
  keep(session: object, lsn: Lsn): void {
    const needed = this.#needed.get(session);
    if (needed === undefined || lsn < needed) this.#needed.set(session, lsn);
  }

  acknowledge(session: object, lsn: Lsn): void {
    if (!this.#needed.has(session)) return;
    const fresh = this.#fresh.get(session) ?? [];
    if (lsn > (fresh.at(-1)?.lsn ?? -1n)) fresh.push({ lsn, at: this.#now() });
    this.#fresh.set(session, fresh);
  }

  release(session: object): void {
    this.#needed.delete(session);
    this.#fresh.delete(session);
  }

  /** 0 when nothing may be forgotten. */
  get forgettable(): Lsn {
    for (const [session, fresh] of this.#fresh) this.#settle(session, fresh);
    let least: Lsn | undefined;
    for (const lsn of this.#needed.values()) if (least === undefined || lsn < least) least = lsn;
    return least ?? 0n;
  }

  /** Up to where the session itself has let go. */
  forgottenBy(session: object): Lsn {
    this.#settle(session, this.#fresh.get(session) ?? []);
    return this.#needed.get(session) ?? 0n;
  }

  #settle(session: object, fresh: { lsn: Lsn; at: number }[]): void {
    const safeSince = this.#now() - this.#delayMs;
    let settled: Lsn | undefined;
    while (fresh[0] && fresh[0].at <= safeSince) settled = fresh.shift()?.lsn;
    const needed = this.#needed.get(session);
    if (settled !== undefined && needed !== undefined && settled > needed) this.#needed.set(session, settled);
  }
}
