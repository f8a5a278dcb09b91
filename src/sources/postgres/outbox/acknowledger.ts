import { type Mark, type Position, compareMarks } from './position.js';

/** By so much of the delay it may be longer, so that not every batch has to be remembered. */
const coarseness = 0.05;
const pauseMs = 1_000;

export interface AcknowledgerContext {
  readonly delayMs: number;
  /** False while somebody else in this process may still need what would be deleted. */
  readonly mayForget: () => boolean;
  /** Deletes what the position has applied; false when somebody else has come further. */
  readonly forget: (position: Position) => Promise<boolean>;
}

interface Fresh {
  position: Position;
  readonly openUntil: number;
  readonly safeAt: number;
}

/** Remembers what is in Redis until Redis has it safely, and has it deleted then. */
export class Acknowledger {
  readonly #context: AcknowledgerContext;
  #fresh: Fresh[] = [];
  #settling: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #forgotten: Mark = { epoch: 0, batch: 0 };

  constructor(context: AcknowledgerContext) {
    this.#context = context;
  }

  /** What was applied up to here may be deleted. */
  get forgotten(): Mark {
    return this.#forgotten;
  }

  /** What was acknowledged before somebody began anew says nothing any more. */
  begin(forgotten: Mark): void {
    this.#fresh = [];
    this.#forgotten = forgotten;
  }

  acknowledge(position: Position): void {
    const now = performance.now();
    const latest = this.#fresh.at(-1);
    if (compareMarks(position, latest?.position ?? this.#forgotten) <= 0) return;
    const openUntil = now + this.#context.delayMs * coarseness;
    if (latest && now < latest.openUntil) latest.position = position;
    else this.#fresh.push({ position, openUntil, safeAt: openUntil + this.#context.delayMs });
    this.#schedule();
  }

  /** Has deleted, when it resolves, what may be deleted now. */
  settle(): Promise<void> {
    this.#settling = this.#settling.then(() => this.#settleNow()).catch(() => undefined);
    return this.#settling;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#fresh = [];
  }

  async #settleNow(): Promise<void> {
    const now = performance.now();
    const due = this.#fresh.findLast(({ safeAt }) => safeAt <= now);
    if (!due || !this.#context.mayForget()) return;
    const { position } = due;
    if (await this.#context.forget(position)) this.#forgotten = position;
    this.#fresh = this.#fresh.filter((fresh) => compareMarks(fresh.position, position) > 0);
  }

  /** Again and again while there is something: what could not be deleted is deleted next time. */
  #schedule(soonestMs = 0): void {
    const [oldest] = this.#fresh;
    if (!oldest || this.#timer) return;
    this.#timer = setTimeout(
      () => {
        void this.settle().then(() => {
          this.#timer = undefined;
          this.#schedule(pauseMs);
        });
      },
      Math.max(soonestMs, oldest.safeAt - performance.now()),
    );
    this.#timer.unref();
  }
}
