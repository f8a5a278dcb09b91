import { PrefetchCache, SyncWorker, subscribe } from '../../src/index.js';
import { type Item, itemSchema } from './item.js';
import type { WorkerCommand, WorkerMessage, WorkerProcessOptions } from './worker-process.js';
import { connected, sourceOf } from './worker-sources.js';

const options = JSON.parse(process.argv[2] ?? '') as WorkerProcessOptions;

process.on('disconnect', () => process.exit(1)); // whoever started us is gone
subscribe((event) => {
  if (event.type === 'worker-state') tell({ type: 'state', state: event.state, detail: event.detail ?? '' });
  if (event.type === 'worker-state' && event.state === 'failed') giveUp(event.detail ?? '');
  if (event.type === 'worker-error') {
    tell({ type: 'error', code: event.error.code, message: event.error.message });
  }
  if (event.type === 'loaded') tell({ type: 'loaded' });
});
void run();

async function run(): Promise<void> {
  const worker = new SyncWorker<Item>({
    cache: new PrefetchCache<Item>({
      client: await connected(options.redisUrl),
      schema: itemSchema(options.dataset, options.layout),
      ttlSeconds: options.ttlSeconds,
    }),
    source: await sourceOf(options.primary),
    ...options.worker,
  });
  process.on('SIGTERM', () => void worker.stop().then(() => process.exit(0)));
  process.on('message', (command: WorkerCommand) => void obey(worker, command));
  await worker.start().then(
    () => {
      tell({ type: 'started' });
    },
    (error: unknown) => {
      giveUp(String(error));
    },
  );
}

async function obey(worker: SyncWorker<Item>, { id, command }: WorkerCommand): Promise<void> {
  const done = command === 'reload' ? worker.reload() : worker.reconcile({ repair: true });
  const error = await done.then(
    () => null,
    (reason: unknown) => String(reason),
  );
  tell({ type: 'obeyed', id, error });
}

function giveUp(message: string): void {
  process.send?.({ type: 'gave-up', message } satisfies WorkerMessage, () => process.exit(3));
}

function tell(message: WorkerMessage): void {
  if (process.connected) process.send?.(message);
}
