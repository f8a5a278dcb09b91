import { PrefetchError } from '../errors.js';
import type { Condition } from './condition.js';
import type { Keys } from './keys.js';

/** Writes of which each takes effect once, and only where the one before has. */
export interface Chain {
  /** The next write. One must have passed before there is another. */
  step(): Step;
  passed(step: Step): void;
}

/** One write of a chain: what its stamp is before it and after it. */
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
export class Fence implements Chain {
  /** What the lease holds; no two holders have the same, nor one holder twice. */
  readonly token: string;
  /** Held by everything that may come besides the writes in their order. */
  readonly lease: Condition;
  readonly #key: string;
  readonly #sweepKey: string;
  #stamp: string;
  #next: string | undefined;
  #steps = 0;
  #sweeps = 0;

  constructor(keys: Keys, token: string) {
    this.token = token;
    this.#key = keys.stamp;
    this.#sweepKey = keys.sweep;
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

  /** A chain of its own for what may come between the other writes; where it begins nothing is asked of Redis. */
  sweep(): Chain {
    return new Sweep(this.#sweepKey, this.lease, `${this.token}/sweep-${++this.#sweeps}`);
  }

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

class Sweep implements Chain {
  readonly #key: string;
  readonly #lease: Condition;
  readonly #name: string;
  #passed = 0;

  constructor(key: string, lease: Condition, name: string) {
    this.#key = key;
    this.#lease = lease;
    this.#name = name;
  }

  step(): Step {
    const from = `${this.#name}/${this.#passed}`;
    const stamp: Condition = { key: this.#key, holds: from, otherwise: stateLost };
    const conditions = this.#passed === 0 ? [this.#lease] : [this.#lease, stamp];
    return { key: this.#key, from, to: `${this.#name}/${this.#passed + 1}`, conditions };
  }

  passed(): void {
    this.#passed++;
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
