import { type RedisClient, send } from './client.js';

/** The clock of the server, by which its keys expire, in milliseconds since 1970. */
export async function serverTime(client: RedisClient): Promise<number> {
  const [seconds, microseconds] = (await send(client, ['TIME'])) as [string, string];
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
}
