import type { Request, Response } from 'express';
import { type PrefetchEvent, sendProblem, subscribe } from '../index.js';
import { demoStats } from './demo-stats.js';
import type { DemoParts } from './routes/parts.js';
import { Throttle } from './throttle.js';

type StreamParts = Pick<DemoParts, 'cache' | 'worker' | 'primary'>;

const maxReaders = 32;
/** A reader that lets so much pile up is not reading. */
const maxUnreadBytes = 256 * 1024;
const maxChangesShown = 50;

/** Tells pages what happens, as server-sent events. Listens to the library only while somebody reads. */
export class EventStream {
  readonly #parts: StreamParts;
  readonly #pingEveryMs: number;
  readonly #readers = new Set<Response>();
  readonly #lookups = new Throttle(50);
  readonly #progress = new Throttle(50);
  #stats = '';
  #statsTimer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;
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
    const { cache, worker } = this.#parts;
    const { state, error } = worker.status();
    res.write(
      [
        'retry: 1000\n\n',
        message('hello', { dataset: cache.name, layout: cache.layout, ttlSeconds: cache.ttlSeconds }),
        message('stats', demoStats(this.#parts)),
        message('worker', { state, ...(error && { detail: error.message }) }),
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
      this.#statsTimer = undefined;
      const stats = message('stats', demoStats(this.#parts));
      if (stats === this.#stats) return;
      this.#stats = stats;
      this.#send(stats);
    }, 250).unref();
  }

  /** Ends all streams; their pages come back when the app does. */
  close(): void {
    for (const reader of this.#readers) reader.end();
    this.#readers.clear();
    this.#rest();
  }

  #listen(): void {
    this.#unsubscribe ??= subscribe((event) => {
      if (event.dataset !== this.#parts.cache.name) return;
      this.#tell(event);
      this.statsChanged();
    });
    this.#pingTimer ??= setInterval(() => {
      this.#send(': ping\n\n');
    }, this.#pingEveryMs).unref();
  }

  #rest(): void {
    this.#unsubscribe?.();
    clearInterval(this.#pingTimer);
    clearTimeout(this.#statsTimer);
    this.#unsubscribe = this.#pingTimer = this.#statsTimer = undefined;
  }

  #tell(event: PrefetchEvent): void {
    switch (event.type) {
      case 'applied': {
        const { changes, lagMs, at } = event;
        const shown = changes.slice(0, maxChangesShown);
        this.#send(message('applied', { changes: shown, total: changes.length, lagMs, at }));
        return;
      }
      case 'lookup': {
        const { id, outcome, redisLatencyMs } = event;
        if (this.#lookups.admits()) this.#send(message('lookup', { id, outcome, redisLatencyMs }));
        return;
      }
      case 'load-progress': {
        const { loaded, refused } = event;
        if (this.#progress.admits()) this.#send(message('load-progress', { loaded, refused }));
        return;
      }
      case 'loaded': {
        const { loaded, refused, removed, elapsedMs } = event;
        this.#send(message('loaded', { loaded, refused, removed, elapsedMs }));
        return;
      }
      case 'invalidated':
        this.#send(message('invalidated', { id: event.id }));
        return;
      case 'cleared':
        this.#send(message('cleared', { removed: event.removed }));
        return;
      case 'worker-state':
        this.#send(message('worker', { state: event.state, detail: event.detail }));
        return;
      case 'document-storage':
      case 'kept-alive':
      case 'worker-error': // told by the worker's state
    }
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
