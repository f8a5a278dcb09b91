import type { Request, Response } from 'express';
import { type PrefetchEvent, sendProblem, subscribe } from '../index.js';
import { demoStats } from './demo-stats.js';
import { messageOf } from './event-messages.js';
import { longestSilenceMs } from './routes/health.js';
import type { Statement } from './primary/statement-log.js';
import type { DemoParts } from './routes/parts.js';
import { Throttle } from './throttle.js';

type StreamParts = Pick<DemoParts, 'cache' | 'crew' | 'primary' | 'vitals' | 'maxStalenessMs'>;

const maxReaders = 32;
/** A reader that lets so much pile up is not reading. */
const maxUnreadBytes = 256 * 1024;

/** Tells pages what happens, as server-sent events. Listens to the library only while somebody reads. */
export class EventStream {
  readonly #parts: StreamParts;
  readonly #pingEveryMs: number;
  readonly #readers = new Set<Response>();
  readonly #throttles: ReadonlyMap<string, Throttle> = new Map([
    ['lookup', new Throttle(50)],
    ['load-progress', new Throttle(50)],
  ]);
  #stats = '';
  #statsTimer: NodeJS.Timeout | undefined;
  #timers: NodeJS.Timeout[] = [];
  #unsubscribe: (() => void) | undefined;

  /** @param pingEveryMs how often a silent stream says that it is still there */
  constructor(parts: StreamParts, pingEveryMs = 15_000) {
    this.#parts = parts;
    this.#pingEveryMs = pingEveryMs;
  }

  open(req: Request, res: Response): void {
    if (this.#readers.size >= maxReaders) {
      res.set('Retry-After', '10');
      sendProblem(res, { status: 503, detail: `There are ${maxReaders} readers of events already.` });
      return;
    }
    res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
    if (req.method === 'HEAD') {
      res.end();
      return;
    }
    const { cache, crew, primary } = this.#parts;
    const workers = crew.workers.map((worker) => {
      const { name, state, error } = worker.status();
      return message('worker', { worker: name, state, ...(error && { detail: error.message }) });
    });
    const { name, layout, ttlSeconds } = cache;
    res.write(
      [
        'retry: 1000\n\n',
        message('hello', { dataset: name, layout, ttlSeconds, primary: primary.kind }),
        message('stats', demoStats(this.#parts)),
        message('freshness', this.#freshness()),
        ...workers,
      ].join(''),
    );
    this.#readers.add(res);
    this.#stats = '';
    res.once('close', () => {
      this.#readers.delete(res);
      if (this.#readers.size === 0) this.#rest();
    });
    this.#listen();
  }

  /** For counters that change without an event of the library. */
  statsChanged(): void {
    this.#statsTimer ??= setTimeout(() => {
      void this.#sendStats();
    }, 250).unref();
  }

  /** Something was made to go wrong, or to go on. */
  readonly tellFault = (fault: string, text: string): void => {
    this.#send(message('fault', { fault, text }));
  };

  /** The primary has run a command. */
  readonly tellStatement = (statement: Statement): void => {
    this.#send(message('statement', statement));
  };

  /** Ends all streams; their pages come back when the app does. */
  close(): void {
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
    this.#rest();
  }

  #listen(): void {
    if (this.#unsubscribe) return;
    this.#unsubscribe = subscribe((event) => {
      if (event.dataset !== this.#parts.cache.name) return;
      this.#tell(event);
      this.statsChanged();
    });
    const ping = () => {
      this.#send(': ping\n\n');
    };
    const look = () => {
      void this.#look();
    };
    this.#timers = [setInterval(ping, this.#pingEveryMs).unref(), setInterval(look, 1000).unref()];
  }

  #rest(): void {
    this.#unsubscribe?.();
    for (const timer of this.#timers) clearInterval(timer);
    clearTimeout(this.#statsTimer);
    this.#unsubscribe = this.#statsTimer = undefined;
    this.#timers = [];
  }

  #tell(event: PrefetchEvent): void {
    const told = messageOf(event);
    if (!told) return;
    const throttle = this.#throttles.get(told.type);
    if (!throttle || throttle.admits()) this.#send(message(told.type, told.data));
  }

  async #sendStats(): Promise<void> {
    await this.#parts.vitals.look();
    this.#statsTimer = undefined;
    const stats = message('stats', demoStats(this.#parts));
    if (stats === this.#stats) return;
    this.#stats = stats;
    this.#send(stats);
  }

  /** How fresh the dataset is changes without any event, and so do the counts that another process writes. */
  async #look(): Promise<void> {
    const { vitals } = this.#parts;
    const before = JSON.stringify(vitals.changes);
    await vitals.look();
    this.#send(message('freshness', this.#freshness()));
    if (JSON.stringify(vitals.changes) !== before) this.statsChanged();
  }

  #freshness(): object {
    const { vitals, maxStalenessMs } = this.#parts;
    const limitMs = maxStalenessMs ?? longestSilenceMs(this.#parts);
    return { stalenessMs: vitals.stalenessMs, limitMs, refusesStale: maxStalenessMs !== undefined };
  }

  #send(text: string): void {
    for (const reader of this.#readers) {
      if (reader.writableLength > maxUnreadBytes) {
        this.#readers.delete(reader);
        reader.destroy();
      } else {
        reader.write(text);
      }
    }
  }
}

function message(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
