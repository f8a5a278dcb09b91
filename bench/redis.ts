import { createClient } from 'redis';
import { startPrivateRedis } from '../src/demo/redis-server/private-redis.js';
import { findServerBinary } from '../src/demo/redis-server/server-binary.js';

export type BenchClient = ReturnType<typeof newClient>;

/** A connected client of a private server, and how to end both. */
export async function startBenchRedis(): Promise<{
  client: BenchClient;
  url: string;
  stop: () => Promise<void>;
}> {
  const binary = await findServerBinary();
  if (binary === undefined) throw new Error('Neither redis-server nor valkey-server is on the PATH.');
  const server = await startPrivateRedis({ binary });
  const client = newClient(server.url);
  await client.connect();
  const stop = async () => {
    await client.close();
    await server.stop();
  };
  return { client, url: server.url, stop };
}

function newClient(url: string) {
  return createClient({ url }).on('error', console.error);
}
