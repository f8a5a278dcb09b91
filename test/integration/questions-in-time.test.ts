import { SyncOperator } from '../../src/index.js';
import { type Item, items } from '../support/item.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { SyncWorld } from '../support/sync-world.js';

describe('questions of people', () => {
  let redis: TestRedis;
  let world: SyncWorld;
  let operator: SyncOperator<Item>;

  beforeEach(async () => {
    redis = await startTestRedis({ private: true });
    world = await SyncWorld.open(redis);
    await world.cache.bulkLoad(items(3));
    operator = new SyncOperator({ cache: world.cache });
  });

  afterEach(async () => {
    await world.close();
    await redis.stop();
  });

  const questions = () => {
    const { cache } = world;
    return [
      cache.explain('id-1'),
      cache.journal(),
      cache.count(),
      operator.status(),
      operator.deadLetters.list(),
    ].map((question: Promise<unknown>) =>
      question.then(String, (error: unknown) => (error as { code?: string }).code),
    );
  };

  it('are answered', async () => {
    expect(await Promise.all(questions())).toEqual(
      expect.not.arrayContaining([expect.stringMatching(/^ERR/)]),
    );
  });

  it('fail in some seconds when Redis is gone, and at once when it has been so for longer', async () => {
    await redis.kill();
    expect(new Set(await Promise.all(questions()))).toEqual(new Set(['ERR_PREFETCH_UNAVAILABLE']));
    const asked = performance.now();
    expect(new Set(await Promise.all(questions()))).toEqual(new Set(['ERR_PREFETCH_UNAVAILABLE']));
    expect(performance.now() - asked).toBeLessThan(500);
  });
});
