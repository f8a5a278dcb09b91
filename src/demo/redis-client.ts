import { createClient } from 'redis';

/** A client of the sample app's Redis that comes back from outages and says each only once. */
export async function connectRedis(url: string, say: (line: string) => void) {
  // Without a queue, what cannot be done now fails now, instead of being done much later.
  const client = createClient({ url, disableOfflineQueue: true });
  let isDown = false;
  client.on('error', (error: Error) => {
    if (!isDown) say(`Redis is gone: ${error.message}`);
    isDown = true;
  });
  client.on('ready', () => {
    if (isDown) say('Redis is back.');
    isDown = false;
  });
  await client.connect();
  return client;
}
