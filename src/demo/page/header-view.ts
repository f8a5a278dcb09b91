import { byId, setText } from './dom.js';
import type { Connection } from './event-feed.js';
import { duration } from './format.js';
import type { Layout, WorkerState } from './wire.js';

const connectionWords: Record<Connection, string> = {
  connecting: 'connecting',
  live: 'live',
  lost: 'lost, trying again',
};

export class HeaderView {
  readonly #dataset = byId('fact-dataset', HTMLElement);
  readonly #layout = byId('fact-layout', HTMLElement);
  readonly #ttl = byId('fact-ttl', HTMLElement);
  readonly #worker = byId('fact-worker', HTMLElement);
  readonly #connection = byId('fact-connection', HTMLElement);

  showDataset(dataset: { dataset: string; layout: Layout; ttlSeconds: number }): void {
    setText(this.#dataset, dataset.dataset);
    setText(this.#layout, dataset.layout);
    setText(this.#ttl, duration(dataset.ttlSeconds));
    document.title = `${dataset.dataset} · Prefetch cache`;
  }

  showWorker(state: WorkerState): void {
    this.#worker.dataset['state'] = state;
    setText(this.#worker, state);
  }

  showConnection(connection: Connection): void {
    this.#connection.dataset['state'] = connection;
    setText(this.#connection, connectionWords[connection]);
    document.body.classList.toggle('disconnected', connection === 'lost');
  }
}
