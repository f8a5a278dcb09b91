import { RedisPrimary } from '../support/redis-primary.js';
import { startTestRedis } from '../support/redis.js';
import { ChangeMaker } from './change-maker.js';
import type { Model } from './model.js';
import type { Primary } from './primary.js';
import type { Random } from './random.js';

/** Rows and their changes in a Redis of their own. */
export async function startRedisPrimary(model: Model, random: Random): Promise<Primary> {
  const redis = await startTestRedis({ private: true });
  const primary = new RedisPrimary(await redis.client(), 'primary');
  const pauseMs = random.pick([0, 10, 50]);
  return {
    application: new ChangeMaker(model, primary, random.fork()),
    port: redis.port,
    lanes: {},
    bouts: [],
    placeOver: ({ port }) => ({ url: `redis://127.0.0.1:${port}`, name: primary.name, pauseMs }),
    close: () => redis.stop(),
  };
}
