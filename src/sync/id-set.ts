/**
 * A set of ids that keeps a 64-bit fingerprint of each instead of its text: 1,000,000 ids take 32 MB at most, as a
 * Set of strings about 80. Two of a million ids are taken for one with a probability of about 1 to 40 million.
 */
export class IdSet {
  #size = 0;
  /** Two words an entry, both 0 in an empty one. */
  #table = new Uint32Array(2 * 1024);

  get size(): number {
    return this.#size;
  }

  has(id: string): boolean {
    const [low, high] = fingerprint(id);
    return this.#table[this.#slot(low, high)] !== 0;
  }

  add(id: string): void {
    const [low, high] = fingerprint(id);
    if (this.#insert(low, high) && 4 * this.#size > this.#table.length) this.#grow();
  }

  #insert(low: number, high: number): boolean {
    const slot = this.#slot(low, high);
    if (this.#table[slot] !== 0) return false;
    this.#table[slot] = low;
    this.#table[slot + 1] = high;
    this.#size++;
    return true;
  }

  /** Where the fingerprint is, or the empty entry where it would be. */
  #slot(low: number, high: number): number {
    const mask = this.#table.length - 1;
    let slot = (2 * high) & mask;
    while (this.#table[slot] !== 0 && (this.#table[slot] !== low || this.#table[slot + 1] !== high)) {
      slot = (slot + 2) & mask;
    }
    return slot;
  }

  #grow(): void {
    const old = this.#table;
    this.#table = new Uint32Array(2 * old.length);
    this.#size = 0;
    for (let i = 0; i < old.length; i += 2) {
      const low = old[i] ?? 0;
      if (low !== 0) this.#insert(low, old[i + 1] ?? 0);
    }
  }
}

const { imul } = Math;

/** Two independent 32-bit hashes (FNV-1a with different primes, then mixed as murmur3 does). The first is never 0. */
function fingerprint(id: string): [number, number] {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < id.length; i++) {
    const unit = id.charCodeAt(i);
    a = imul(a ^ unit, 0x01000193);
    b = imul(b ^ unit, 0x5bd1e995);
  }
  return [mixed(a) || 1, mixed(b)];
}

function mixed(hash: number): number {
  hash = imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
