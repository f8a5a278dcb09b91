import type { TestClient } from './redis.js';

/** Writes to the key what a worker would that followed so long ago, by the clock of the server. */
export async function beat(client: TestClient, key: string, agoMs = 0): Promise<void> {
  const [seconds, microseconds] = (await client.sendCommand(['TIME'])) as unknown as [string, string];
  const now = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  await client.set(key, String(now - agoMs), { expiration: { type: 'EX', value: 600 } });
}
