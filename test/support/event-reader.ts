import { once } from 'node:events';
import { type IncomingMessage, get } from 'node:http';
import { until } from './until.js';

export interface ServerSentEvent {
  type: string;
  data: Record<string, unknown>;
}

/** Reads server-sent events as a page does. */
export class EventReader {
  readonly events: ServerSentEvent[] = [];
  isEnded = false;
  pings = 0;
  readonly #response: IncomingMessage;

  private constructor(response: IncomingMessage) {
    this.#response = response;
    let rest = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      const messages = (rest + chunk).split('\n\n');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#read(message);
    });
    response.on('error', () => undefined);
    response.on('close', () => (this.isEnded = true));
  }

  static async open(url: string): Promise<EventReader> {
    const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
    return new EventReader(response);
  }

  get status(): number | undefined {
    return this.#response.statusCode;
  }

  get headers() {
    return this.#response.headers;
  }

  of(type: string): Record<string, unknown>[] {
    return this.events.filter((event) => event.type === type).map(({ data }) => data);
  }

  /** Waits for an event of this type that fits. */
  next(type: string, fits: (data: Record<string, unknown>) => boolean = () => true) {
    return until(() => this.of(type).find(fits));
  }

  pause(): void {
    this.#response.pause();
  }

  close(): void {
    this.#response.destroy();
  }

  #read(message: string): void {
    if (message === ': ping') this.pings++;
    const [, type, data] = /^event: (.*)\ndata: (.*)$/.exec(message) ?? [];
    if (type !== undefined && data !== undefined) {
      this.events.push({ type, data: JSON.parse(data) as Record<string, unknown> });
    }
  }
}
