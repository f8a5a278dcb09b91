import type { ResolvedOptions } from './options.js';
import type { Position } from './position.js';
import { isPassing, sourceError } from '../server/postgres-error.js';
import type { SideLine } from '../server/side-line.js';
import { readSlot } from './slot.js';
import { readLayout } from './table-layout.js';

const everyMs = 10_000;

/** Looks now and then at what the stream does not tell: a column that was added, a table made anew, a slot that grows. */
export class Watch {
  readonly #options: ResolvedOptions;
  readonly #sideLine: SideLine;
  readonly #isTemporary: boolean;
  #timer: NodeJS.Timeout | undefined;
  #isLooking = false;
  #warned: string | undefined;

  constructor(options: ResolvedOptions, sideLine: SideLine, isTemporary: boolean) {
    this.#options = options;
    this.#sideLine = sideLine;
    this.#isTemporary = isTemporary;
  }

  start(since: Position, system: string, onFailure: (error: Error) => void): void {
    this.#timer = setInterval(
      () => {
        if (this.#isLooking) return; // it waits for somebody who alters the table
        this.#isLooking = true;
        this.#look(since, system)
          .catch((error: unknown) => {
            if (!isPassing(error)) onFailure(error as Error); // the stream hears of a broken line itself
          })
          .finally(() => (this.#isLooking = false));
      },
      Math.min(everyMs, this.#options.heartbeatMs * 2),
    );
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(since: Position, system: string): Promise<void> {
    await this.#sideLine.ask('looking at the table', async (client) => {
      const layout = await readLayout(client, this.#options, system);
      if (layout?.fingerprint !== since.layout) {
        throw sourceError('The table or its publication changed: it has to be loaded again.');
      }
      const slot = this.#isTemporary ? null : await readSlot(client, this.#options.slot);
      if (slot) this.#warn(slot);
    });
  }

  /** Once for each thing, until it is over. */
  #warn({ walStatus, retainedBytes }: { walStatus: string; retainedBytes: number }): void {
    const { slot, retainedBytesLimit, onWarning } = this.#options;
    const code =
      walStatus === 'unreserved'
        ? 'slot-endangered'
        : retainedBytes > retainedBytesLimit
          ? 'slot-grows'
          : undefined;
    if (code === this.#warned) return;
    this.#warned = code;
    const kept = `The server keeps ${retainedBytes} bytes of its log for the slot ${slot}`;
    if (code === 'slot-grows') onWarning({ code, message: `${kept}, more than ${retainedBytesLimit}.` });
    if (code === 'slot-endangered') {
      onWarning({
        code,
        message: `${kept}, more than it may: the slot will be lost at its next checkpoint.`,
      });
    }
  }
}
