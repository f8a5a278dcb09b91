/** The ids of the latest entries that were read, and no more of them than are kept behind what is applied. */
export class Window {
  readonly #size: number;
  #ids: string[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  get oldest(): string | undefined {
    return this.#ids[0];
  }

  push(id: string): void {
    this.#ids.push(id);
  }

  /** The entry that is so many before the acknowledged one. What is before it will not be asked for again. */
  behind(acknowledged: string): string | undefined {
    const last = this.#ids.lastIndexOf(acknowledged);
    const first = last - this.#size;
    if (first < 0) return undefined;
    this.#ids = this.#ids.slice(first);
    return this.#ids[0];
  }
}
