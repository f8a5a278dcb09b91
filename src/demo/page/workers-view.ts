import { byId, create } from './dom.js';
import type { HeaderView } from './header-view.js';
import type { Notices } from './notices.js';
import type { Stats, WorkerState } from './wire.js';

interface Worker {
  state: WorkerState;
  detail?: string | undefined;
}

/** Each worker with what it does, and what is wrong when none of them follows. */
export class WorkersView {
  readonly #list = byId('workers', HTMLUListElement);
  readonly #header: HeaderView;
  readonly #notices: Notices;
  #workers = new Map<string, Worker>();
  #drawn = '';

  constructor(header: HeaderView, notices: Notices) {
    this.#header = header;
    this.#notices = notices;
  }

  /** True when all that could load the dataset have been told to wait. */
  get areResting(): boolean {
    const states = this.#states;
    return states.includes('paused') && !states.includes('following');
  }

  showOne(name: string, worker: Worker): void {
    this.#workers.set(name, worker);
    this.#show();
  }

  showAll({ workers, workerState }: Stats): void {
    this.#workers = new Map(
      workers.map(({ name, state }) => {
        const known = this.#workers.get(name);
        return [name, known?.state === state ? known : { state }];
      }),
    );
    this.#show(workerState);
  }

  get #states(): WorkerState[] {
    return [...this.#workers.values()].map(({ state }) => state);
  }

  #show(overall?: WorkerState): void {
    const [first = 'idle'] = this.#states;
    this.#header.showWorker(overall ?? (this.#states.includes('following') ? 'following' : first));
    this.#draw();
    const [title, text] = this.#trouble() ?? [];
    if (title === undefined || text === undefined) this.#notices.clear('worker');
    else this.#notices.show('worker', title, text);
  }

  #draw(): void {
    const drawn = JSON.stringify([...this.#workers].map(([name, { state }]) => [name, state]));
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    this.#list.replaceChildren(
      ...[...this.#workers].map(([name, { state }]) => {
        const item = create('li', '', create('span', 'code', name), create('span', 'worker-state', state));
        item.dataset['state'] = state;
        return item;
      }),
    );
  }

  #trouble(): [title: string, text: string] | undefined {
    const states = this.#states;
    if (states.length === 0 || states.includes('following')) return undefined;
    const named = (wanted: WorkerState) => [...this.#workers].find(([, { state }]) => state === wanted);
    const [retrying, worker] = named('retrying') ?? [];
    if (retrying !== undefined) return [`${retrying} tries again.`, worker?.detail ?? 'It could not go on.'];
    const isDead = (state: WorkerState) => state === 'failed' || state === 'stopped';
    if (states.every(isDead)) {
      const [, failed] = named('failed') ?? [];
      const title = failed ? 'The sync worker has stopped on an error.' : 'The sync worker is stopped.';
      return [title, failed?.detail ?? 'The cache no longer follows the primary.'];
    }
    const [standby] = named('standby') ?? [];
    if (standby === undefined || !states.some(isDead)) return undefined;
    return ['No worker follows.', `${standby} stands by and takes over in a moment.`];
  }
}
