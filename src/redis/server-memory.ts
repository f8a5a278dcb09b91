import { toPrefetchError } from './failure.js';

/** In bytes. */
export interface ServerMemory {
  readonly used: number;
  /** What `maxmemory` allows. */
  readonly limit: number;
  /** What the server does when it is full. */
  readonly policy: string;
}

/** Null when there is no limit, or this user or this server does not tell. */
export async function readServerMemory(
  ask: (command: readonly string[]) => Promise<unknown>,
): Promise<ServerMemory | null> {
  try {
    return memoryFrom(String(await ask(['INFO', 'memory'])));
  } catch (error) {
    const { code } = toPrefetchError(error);
    if (code === 'ERR_PREFETCH_NO_PERMISSION' || code === 'ERR_PREFETCH_UNSUPPORTED_SERVER') return null;
    throw error;
  }
}

function memoryFrom(text: string): ServerMemory | null {
  const figures = new Map<string, string>();
  for (const line of text.split('\r\n')) {
    const [name = '', value = ''] = line.split(':');
    figures.set(name, value);
  }
  const of = (name: string) => Number(figures.get(name) ?? 0);
  const limit = of('maxmemory');
  if (!(limit > 0)) return null;
  return {
    used: of('used_memory') - of('mem_not_counted_for_evict'),
    limit,
    policy: figures.get('maxmemory_policy') ?? 'noeviction',
  };
}
