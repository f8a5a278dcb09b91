import { type Change, PrefetchCache, type PrefetchEvent, subscribe } from '../../src/index.js';
import {
  type Category,
  beverages,
  categories,
  category,
  categorySchema,
  manyCategories,
} from '../support/category.js';
import { layouts } from '../support/item.js';
import { present } from '../support/present.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';

let redis: TestRedis;
let client: TestClient;

beforeAll(async () => {
  redis = await startTestRedis();
  client = await redis.client();
});
afterAll(() => redis.stop());

function upsert(record: Category): Change<Category> {
  return { op: 'upsert', id: record.id, record };
}

function partial(id: string, record: Partial<Category>): Change<Category> {
  return { op: 'upsert', id, record, partial: true };
}

function remove(id: string): Change<Category> {
  return { op: 'delete', id };
}

describe.each(layouts)('changes in the layout %s', (layout) => {
  let prefix: string;
  let cache: PrefetchCache<Category>;

  beforeEach(async () => {
    prefix = uniquePrefix();
    cache = new PrefetchCache({ client, schema: categorySchema(prefix, layout), ttlSeconds: 600 });
    await cache.bulkLoad(categories);
  });

  async function recordOf(id: string): Promise<Category | undefined> {
    return (await cache.get(id)).record;
  }

  it('an upsert puts a record in, with its TTL', async () => {
    const added = category('cat-006', { name: 'Frozen' });
    await cache.applyChange(upsert(added));
    await expect(recordOf('cat-006')).resolves.toEqual(added);
    expect(await cache.ttlRemaining('cat-006')).toBeGreaterThan(590);
  });

  it('an upsert replaces a record as a whole: what the primary dropped is gone', async () => {
    const renewed = { id: 'cat-001', name: 'Drinks' } as Category;
    await cache.applyChange(upsert(renewed));
    await expect(recordOf('cat-001')).resolves.toEqual(renewed);
  });

  it('an upsert gives the record its whole TTL again', async () => {
    await client.expire(`${prefix}:cat-001`, 5);
    await cache.applyChange(upsert(beverages));
    expect(await cache.ttlRemaining('cat-001')).toBeGreaterThan(590);
    await client.expire(`${prefix}:cat-001`, 5);
    await cache.applyChange(partial('cat-001', { featured: false }));
    expect(await cache.ttlRemaining('cat-001')).toBeGreaterThan(590);
  });

  it('an upsert replaces a key of another type, or one that cannot be read', async () => {
    await client.del(`${prefix}:cat-001`);
    await client.rPush(`${prefix}:cat-001`, 'stranger');
    await cache.applyChange(upsert(beverages));
    await expect(recordOf('cat-001')).resolves.toEqual(beverages);
  });

  it('a delete removes the record, and one that is not there is no error', async () => {
    await cache.applyChange(remove('cat-001'));
    await cache.applyChange(remove('cat-001'));
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'miss' });
    await expect(cache.count()).resolves.toBe(4);
  });

  it('a truncate removes all, and the dataset stays loaded', async () => {
    await cache.applyChange({ op: 'truncate' });
    await expect(cache.count()).resolves.toBe(0);
    await expect(cache.get('cat-001')).resolves.toMatchObject({ outcome: 'miss' });
  });

  describe('of some fields', () => {
    it('are merged into the record', async () => {
      await cache.applyChange(partial('cat-001', { name: 'Drinks', featured: false }));
      await expect(recordOf('cat-001')).resolves.toEqual({ ...beverages, name: 'Drinks', featured: false });
    });

    it('build on what came before them in the batch', async () => {
      const { applied } = await cache.applyChanges([
        upsert(category('new', { display_order: 7 })),
        partial('new', { name: 'First' }),
        partial('new', { featured: true }),
        partial('cat-001', { name: 'Drinks' }),
        upsert(category('cat-001', { display_order: 9 })),
        partial('cat-001', { parent_id: 'new' }),
      ]);
      expect(applied).toBe(6);
      await expect(recordOf('new')).resolves.toEqual(
        category('new', { name: 'First', display_order: 7, featured: true }),
      );
      await expect(recordOf('cat-001')).resolves.toEqual(
        category('cat-001', { display_order: 9, parent_id: 'new' }),
      );
    });

    it('are refused where no record is cached, or none any more', async () => {
      const report = await cache.applyChanges([
        partial('cat-404', { name: 'x' }),
        remove('cat-001'),
        partial('cat-001', { name: 'x' }),
        { op: 'truncate' },
        partial('cat-002', { name: 'x' }),
      ]);
      expect(report.applied).toBe(2);
      expect(report.refusals).toHaveLength(3);
      for (const { reason } of report.refusals)
        expect(reason).toMatch(/no record is cached to merge them into/);
      await expect(cache.count()).resolves.toBe(0);
    });

    it('are refused where what is cached is of another type or unreadable', async () => {
      await client.del(`${prefix}:cat-001`);
      await client.rPush(`${prefix}:cat-001`, 'stranger');
      await client.del(`${prefix}:cat-002`);
      await client.sendCommand(
        layout === 'JSON'
          ? ['SET', `${prefix}:cat-002`, '{"id":']
          : ['HSET', `${prefix}:cat-002`, 'display_order', 'first'],
      );
      const { refusals } = await cache.applyChanges([
        partial('cat-001', { name: 'x' }),
        partial('cat-002', { name: 'x' }),
      ]);
      expect(refusals).toHaveLength(2);
      for (const { reason } of refusals) expect(reason).toMatch(/no record is cached to merge them into/);
    });

    it('must fit the schema too', async () => {
      await expect(
        cache.applyChange(partial('cat-001', { display_order: 'x' as never })),
      ).rejects.toMatchObject({
        code: 'ERR_PREFETCH_REFUSED',
        message: expect.stringMatching(/^Refused, and nothing was written: .*display_order/),
      });
      await expect(recordOf('cat-001')).resolves.toEqual(beverages);
    });
  });

  it('that cannot be applied are refused with reasons, and all others are applied', async () => {
    const bad = [
      { op: 'upsert', id: 'cat-001', record: {} },
      { op: 'upsert', id: 'cat-001', record: { id: 'cat-001' } },
      { op: 'upsert', id: 'cat-001', record: undefined },
      { op: 'upsert', id: 'cat-001', record: undefined, partial: true },
      { op: 'upsert', id: 'cat-001', record: {}, partial: true },
      { op: 'upsert', id: 'cat-001', record: category('cat-002') },
      { op: 'upsert', id: 'cat-001', record: { name: 'no id' } },
      { op: 'upsert', id: 'a:b', record: category('a:b') },
      { op: 'upsert', id: 'cat-001', record: { ...beverages, featured: 'yes' } },
      { op: 'delete', id: 'a:b' },
      { op: 'delete' },
      { op: 'invalid', raw: '<xml/>', reason: 'not JSON' },
      { op: 'rename', id: 'cat-001' },
      {},
    ] as unknown as Change<Category>[];
    const good = bad.map((_, i) => upsert(category(`good-${i}`)));
    const report = await cache.applyChanges(bad.flatMap((change, i) => [change, present(good[i])]));
    expect(report.applied).toBe(good.length);
    expect(report.refusals.map(({ subject }) => subject)).toEqual(bad);
    expect(report.refusals.map(({ reason }) => reason)).toEqual([
      'the upsert has no fields',
      'the record has no fields besides its id',
      'the upsert has no fields',
      'the upsert has no fields',
      'the upsert has no fields',
      'the record\'s id "cat-002" is not the change\'s "cat-001"',
      'the record has no id',
      'the id "a:b" is not allowed',
      expect.stringContaining('featured'),
      'the id is not allowed',
      'the id is not allowed',
      'not JSON',
      'the operation rename is unknown',
      'the operation undefined is unknown',
    ]);
    await expect(cache.count()).resolves.toBe(5 + good.length);
    await expect(recordOf('cat-001')).resolves.toEqual(beverages);
    for (const change of bad)
      await expect(cache.applyChange(change)).rejects.toThrow(/^Refused, and nothing/);
  });

  it('are applied in order, however many', async () => {
    const changes: Change<Category>[] = [];
    for (let i = 0; i < 2_600; i++) {
      const id = `id-${i % 7}`;
      changes.push(i % 5 === 4 ? remove(id) : upsert(category(id, { display_order: i })));
    }
    const expected = new Map<string, number>();
    for (const change of changes) {
      if (change.op === 'delete') expected.delete(change.id);
      if (change.op === 'upsert') expected.set(change.id, present(change.record.display_order));
    }
    await expect(cache.applyChanges(changes)).resolves.toEqual({ applied: 2_600, refusals: [] });
    for (let i = 0; i < 7; i++) {
      expect((await recordOf(`id-${i}`))?.display_order).toBe(expected.get(`id-${i}`));
    }
  });

  it('may be large', async () => {
    const name = 'n'.repeat(700_000);
    const large = [...manyCategories(6, { name })];
    await expect(cache.applyChanges(large.map(upsert))).resolves.toMatchObject({ applied: 6 });
    for (const record of large) await expect(recordOf(record.id)).resolves.toEqual(record);
  });

  it('may be of thousands of fields', async () => {
    const fields = Object.fromEntries(Array.from({ length: 2_999 }, (_, i) => [`field-${i}`, `value ${i}`]));
    const wide = { id: 'wide', ...fields } as unknown as Category;
    await cache.applyChange(upsert(wide));
    await expect(recordOf('wide')).resolves.toEqual(wide);
  });

  it('are told with the lag of the latest, without those that were refused', async () => {
    const events: PrefetchEvent[] = [];
    const unsubscribe = subscribe((event) => {
      if (event.dataset === prefix && event.type === 'applied') events.push(event);
    });
    const timestampMs = Date.now() - 500;
    await cache.applyChanges([remove('a:b'), { ...remove('cat-001'), timestampMs }]);
    await cache.applyChanges([remove('a:b')]);
    await cache.applyChanges([]);
    unsubscribe();
    expect(events).toMatchObject([{ changes: [{ op: 'delete', id: 'cat-001' }], lagMs: expect.any(Number) }]);
    expect((events[0] as { lagMs: number }).lagMs).toBeGreaterThanOrEqual(500);
  });

  it('never show a reader half a record', async () => {
    const one = category('flip', { name: 'one', display_order: 1, featured: true, parent_id: 'one' });
    const other = { id: 'flip', name: 'other' } as Category; // has fewer fields
    const reader = new PrefetchCache({
      client: await redis.client(),
      schema: categorySchema(prefix, layout),
    });
    await cache.applyChange(upsert(one));
    const over = new AbortController();
    const seen = new Set<string>();
    const reading = (async () => {
      while (!over.signal.aborted) seen.add(JSON.stringify((await reader.get('flip')).record));
    })();
    for (let i = 0; i < 300; i++) await cache.applyChange(upsert(i % 2 === 0 ? other : one));
    over.abort();
    await reading;
    for (const text of seen) expect([one, other]).toContainEqual(JSON.parse(text));
    expect(seen.size).toBe(2);
  });
});
