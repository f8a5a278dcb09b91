/** An endless list that a test fills while something else reads it. One reader at a time. */
export class StepQueue<T> implements AsyncIterable<T> {
  readonly #steps: (() => IteratorResult<T, undefined>)[] = [];
  #wake: (() => void) | undefined;

  push(value: T): void {
    this.#add(() => ({ value, done: false }));
  }

  end(): void {
    this.#add(() => ({ value: undefined, done: true }));
  }

  fail(error: unknown): void {
    this.#add(() => {
      throw error;
    });
  }

  /** True when a reader waits for more. */
  get isHungry(): boolean {
    return this.#wake !== undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.#step() };
  }

  /** The next value, where the end is not expected. */
  async next(): Promise<T> {
    const { done, value } = await this.#step();
    if (done) throw new Error('Nothing more comes.');
    return value;
  }

  async #step(): Promise<IteratorResult<T, undefined>> {
    while (this.#steps.length === 0) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#steps.shift()!();
  }

  #add(step: () => IteratorResult<T, undefined>): void {
    this.#steps.push(step);
    this.#wake?.();
    this.#wake = undefined;
  }
}
