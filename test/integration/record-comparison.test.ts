import fc from 'fast-check';
import { RecordComparison } from '../../src/cache/record-comparison.js';
import { PrefetchCache } from '../../src/index.js';
import { layouts } from '../support/item.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type Everything, anyEverything, everything, everythingSchema } from '../support/redis-om-values.js';

let redis: TestRedis;
let client: TestClient;

beforeAll(async () => {
  redis = await startTestRedis();
  client = await redis.client();
});

afterAll(() => redis.stop());

describe.each(layouts)('comparing records with what is stored, layout %s', (layout) => {
  let cache: PrefetchCache<Everything>;
  let comparison: RecordComparison<Everything>;

  beforeEach(async () => {
    cache = new PrefetchCache({ client, schema: everythingSchema(uniquePrefix(), layout) });
    comparison = await RecordComparison.on(cache.repositoryOn(client).access);
  });

  it('finds every record that was written to be the same, whatever its values', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyEverything(layout), { minLength: 1, maxLength: 20 }), async (records) => {
        const unique = [...new Map(records.map((record) => [record.id, record])).values()];
        const { refusals } = await cache.bulkLoad(unique);
        const refused = new Set(refusals.map(({ subject }) => subject));
        const findings = await comparison.compare(unique);
        expect(findings).toEqual(unique.map((record) => ({ is: refused.has(record) ? 'refused' : 'same' })));
      }),
      { numRuns: 50 },
    );
  });

  it.each<[string, Partial<Everything>]>([
    ['title', { title: 'another' }],
    ['price', { price: 0 }],
    ['isOpen', { isOpen: false }],
    ['since', { since: new Date('2024-02-29T23:59:59.998Z') }],
    ['place', { place: { longitude: -0.1278, latitude: 51.5075 } }],
    ['tags', { tags: ['kalt', 'süß'] }],
    ['note', { note: 'Undeclared' }],
    ['added', { added: 'x' }],
  ])('tells which field is another: %s', async (field, fields) => {
    await cache.bulkLoad([everything]);
    const changed = { ...everything, ...fields };
    expect(await comparison.compare([changed])).toEqual([{ is: 'different', fields: [field] }]);
    await cache.applyChange({ op: 'upsert', id: everything.id, record: changed });
    expect(await comparison.compare([changed])).toEqual([{ is: 'same' }]);
    expect(await comparison.compare([everything])).toEqual([{ is: 'different', fields: [field] }]);
  });

  it('does not mind the order of fields', async () => {
    await cache.bulkLoad([everything]);
    const turned = Object.fromEntries(Object.entries(everything).reverse()) as Everything;
    expect(await comparison.compare([turned])).toEqual([{ is: 'same' }]);
  });

  it('keeps the findings in the order of the records', async () => {
    await cache.bulkLoad([everything]);
    const records = [
      { ...everything, id: 'absent' },
      null as never,
      everything,
      { ...everything, price: 'not a number' as never },
      { ...everything, price: 5 },
    ];
    const found = await comparison.compare(records);
    expect(found.map(({ is }) => is)).toEqual(['missing', 'refused', 'same', 'refused', 'different']);
  });
});
