import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'redis';

/** Resolves with undefined when a Redis that lets us in answers at this URL, else with what is wrong. */
export async function whyUnreachable(url: string, timeoutMs = 3000): Promise<string | undefined> {
  let client;
  try {
    client = createClient({ url, socket: { connectTimeout: timeoutMs, reconnectStrategy: false } });
  } catch (error) {
    return reasonOf(error);
  }
  client.on('error', () => undefined);
  const timeout = new AbortController();
  try {
    const answered = client.connect().then(() => client.ping());
    const expired = pause(timeoutMs, undefined, { signal: timeout.signal }).then(() => {
      throw new Error(`no answer within ${timeoutMs} ms`);
    });
    await Promise.race([answered, expired]);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  } finally {
    timeout.abort();
    client.destroy();
  }
}

/** A host with several addresses fails with one error for each of them, and no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
