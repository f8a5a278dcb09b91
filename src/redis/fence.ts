import { PrefetchError } from '../errors.js';
import type { Condition } from './condition.js';
import type { Keys } from './keys.js';

/** One write of who holds the lease: what the stamp is before it and after it. */
export interface Step {
  readonly key: string;
  readonly from: string;
  readonly to: string;
  readonly conditions: readonly Condition[];
}

/**
 * What lets one worker write, and nobody else: its token in the lease. Every write also changes the stamp, and takes
 * effect only where the stamp is what the write before left. So a write that is sent again takes effect once, and a
 * Redis that lost something, or came back as it was before, takes none.
 */
export class Fence {
  /** What the lease holds; no two holders have the same, nor one holder twice. */
  readonly token: string;
  /** Held by everything that may come besides the writes in their order. */
  readonly lease: Condition;
  readonly #key: string;
  #stamp: string;
  #next: string | undefined;
  #steps = 0;

  constructor(keys: Keys, token: string) {
    this.token = token;
    this.#key = keys.stamp;
    this.#stamp = this.firstStamp;
    this.lease = { key: keys.lease, holds: token, otherwise: leaseLost };
  }

  /** Written by who takes the lease. */
  get firstStamp(): string {
    return `${this.token}/0`;
  }

  /** What the stamp may be now: a write that was sent may or may not have arrived. */
  get stamps(): readonly [string, string] {
    return [this.#stamp, this.#next ?? this.#stamp];
  }

  /** The next write. One must have passed before there is another. */
  step(): Step {
    const from = this.#stamp;
    this.#next = `${this.token}/${++this.#steps}`;
    const stamp: Condition = { key: this.#key, holds: from, otherwise: stateLost };
    return { key: this.#key, from, to: this.#next, conditions: [this.lease, stamp] };
  }

  passed({ to }: Step): void {
    this.#stamp = to;
    this.#next = undefined;
  }
}

export function leaseLost(): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_LEASE_LOST',
    'The lease of this worker has expired or is held by another, so nothing was written. It stands by and takes the lease when it is free.',
  );
}

export function stateLost(): PrefetchError {
  return new PrefetchError(
    'ERR_PREFETCH_STATE_LOST',
    'What this worker left in Redis is gone or older: the server was flushed, restarted empty or from an older copy. Nothing was written; the worker looks at what is there and loads again if it must.',
  );
}
