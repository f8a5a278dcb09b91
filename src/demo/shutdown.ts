type Step = () => unknown;

/** What has to be ended, last begun first. Can run while things are still being started. */
export class Shutdown {
  readonly #steps: Step[] = [];
  #running: Promise<void> | undefined;

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  add(step: Step): void {
    if (this.#running) this.#running = this.#running.then(() => attempt(step));
    else this.#steps.push(step);
  }

  async run(): Promise<void> {
    this.#running ??= this.#runSteps();
    await this.#running;
  }

  async #runSteps(): Promise<void> {
    for (const step of this.#steps.reverse()) await attempt(step);
  }
}

/** One end that fails must not keep the others from theirs. */
async function attempt(step: Step): Promise<void> {
  try {
    await step();
  } catch (error) {
    console.error(error);
  }
}
