import type { FeedEvent, FeedEventType } from './wire.js';

export type Connection = 'connecting' | 'live' | 'lost';

const REOPEN_AFTER_MS = 2_000;

const types: Record<FeedEventType, true> = {
  hello: true,
  applied: true,
  'load-begun': true,
  'load-progress': true,
  loaded: true,
  invalidated: true,
  cleared: true,
  lookup: true,
  reconciled: true,
  'dead-letter': true,
  'dead-letters-filling': true,
  fault: true,
  freshness: true,
  worker: true,
  'source-warning': true,
  statement: true,
  stats: true,
};

export interface FeedListener {
  onEvent(event: FeedEvent): void;
  onConnection(connection: Connection): void;
}

export function followEvents(url: string, listener: FeedListener): void {
  let source: EventSource | undefined;

  const open = (): void => {
    source?.close();
    source = new EventSource(url);
    source.addEventListener('open', () => {
      listener.onConnection('live');
    });
    source.addEventListener('error', (error) => {
      listener.onConnection('lost');
      // An EventSource comes back by itself from a dropped connection, but never from an answer such as 502.
      const failed = error.currentTarget as EventSource;
      if (failed.readyState === EventSource.CLOSED) setTimeout(open, REOPEN_AFTER_MS);
    });
    for (const type of Object.keys(types)) {
      source.addEventListener(type, (message: MessageEvent<string>) => {
        listener.onEvent({ type, data: JSON.parse(message.data) as unknown } as FeedEvent);
      });
    }
  };

  // The network's own word is faster than a time-out on a connection that nobody closed.
  addEventListener('offline', () => {
    listener.onConnection('lost');
  });
  addEventListener('online', open);
  open();
}
