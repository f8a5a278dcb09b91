import {
  type Change,
  PrefetchCache,
  type PrefetchEvent,
  type SourceSession,
  type SyncRepository,
  subscribe,
} from '../../src/index.js';
import { retrying } from '../../src/redis/patience.js';
import { Reconciliation, type ReconcileContext } from '../../src/sync/reconciliation.js';
import { Reload, type ReloadContext } from '../../src/sync/reload.js';
import { Turnstile } from '../../src/sync/turnstile.js';
import { type Item, type Layout, itemSchema } from './item.js';
import { type TestClient, type TestRedis, uniquePrefix } from './redis.js';
import { ScriptedSource } from './scripted-source.js';
import { until } from './until.js';

interface LoadWorldOptions {
  layout?: Layout;
  /** A failure of Redis is the end, instead of being tried again. */
  impatient?: boolean;
}

/** A reload or a reconciliation without a worker: the test brings the changes. */
export class LoadWorld {
  readonly cache: PrefetchCache<Item>;
  readonly repository: SyncRepository<Item>;
  readonly source: ScriptedSource<Item>;
  readonly events: PrefetchEvent[] = [];
  readonly client: TestClient;
  readonly #session: SourceSession<Item>;
  readonly #ending = new AbortController();
  readonly #turnstile = new Turnstile(this.#ending.signal);
  readonly #reloads: Reload<Item>[] = [];
  readonly #reconciliations: Reconciliation<Item>[] = [];
  readonly #unsubscribe: () => void;
  position: string | null = null;

  private constructor(
    client: TestClient,
    source: ScriptedSource<Item>,
    session: SourceSession<Item>,
    options: LoadWorldOptions,
  ) {
    const schema = itemSchema(uniquePrefix('cache:item'), options.layout ?? 'HASH');
    this.client = client;
    this.source = source;
    this.cache = new PrefetchCache({ client, schema, ttlSeconds: 600 });
    this.repository = this.cache.repositoryOn(client, {
      name: 'test',
      patiently: options.impatient ? (work) => work() : (work) => retrying(work, this.#ending.signal),
    });
    this.#session = session;
    this.#unsubscribe = subscribe((event) => {
      if (event.dataset === this.cache.name) this.events.push(event);
    });
  }

  static async open(redis: TestRedis, options: LoadWorldOptions = {}): Promise<LoadWorld> {
    const source = new ScriptedSource<Item>();
    return new LoadWorld(await redis.client(), source, await source.open(), options);
  }

  told<T extends PrefetchEvent['type']>(type: T): Extract<PrefetchEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<PrefetchEvent, { type: T }> => event.type === type);
  }

  key(id: string): string {
    return this.cache.dataset.keys.record(id);
  }

  reload(options: Partial<ReloadContext<Item>> = {}): Reload<Item> {
    const reload = new Reload<Item>({
      ...this.#common,
      sourceName: 'scripted',
      cause: 'reload',
      isFollowed: true,
      maxShrink: 0.5,
      force: false,
      onSnapshot: () => undefined,
      applied: () => this.position,
      concluding: () => [],
      reached: (position) => (this.position = position),
      aliveSince: () => -Infinity,
      ...options,
    });
    this.#reloads.push(reload);
    return reload;
  }

  reconciliation(options: Partial<ReconcileContext<Item>> = {}): Reconciliation<Item> {
    const reconciliation = new Reconciliation<Item>({
      ...this.#common,
      reachedPast: async (position) => {
        await until(() => Number(this.position) >= Number(position));
      },
      repair: false,
      force: false,
      maxShrink: 0.5,
      ...options,
    });
    this.#reconciliations.push(reconciliation);
    return reconciliation;
  }

  /** The feed brings changes, and they are applied. */
  async apply(position: number, ...changes: Change<Item>[]): Promise<void> {
    const batch = { changes, position: String(position), complete: true };
    await this.#turnstile.pass(async () => {
      for (const each of this.#reconciliations) each.remember(batch);
      let admitted: readonly Change<Item>[] = changes;
      for (const each of this.#reloads) admitted = each.admit({ ...batch, changes: admitted });
      await this.repository.apply(admitted, { cause: 'change', position: batch.position });
      if (Number(this.position) < position) this.position = batch.position;
    });
  }

  async isMarked(): Promise<boolean> {
    return (await this.client.exists(this.cache.dataset.keys.reloadMark)) === 1;
  }

  close(): void {
    this.#ending.abort(new Error('The test is over.'));
    this.#unsubscribe();
    this.client.destroy();
  }

  get #common() {
    return {
      repository: this.repository,
      session: this.#session,
      signal: this.#ending.signal,
      write: <R>(work: () => Promise<R>) => this.#turnstile.pass(work),
    };
  }
}
