import fc from 'fast-check';
import { type RedisConnection, Repository, Schema } from 'redis-om';
import { PrefetchCache } from '../../src/index.js';
import { layouts } from '../support/item.js';
import { present } from '../support/present.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type Everything, anyEverything, everything, everythingSchema } from '../support/redis-om-values.js';

let redis: TestRedis;
let client: TestClient;
let hasNativeJson: boolean;

beforeAll(async () => {
  redis = await startTestRedis();
  client = await redis.client();
  hasNativeJson = (await client.commandInfo(['json.get']))[0] !== null;
});
afterAll(() => redis.stop());

/** As Redis OM sees the server itself; without a JSON type it is given the documents that stand for it. */
function omConnection(): RedisConnection {
  if (hasNativeJson) return client as unknown as RedisConnection;
  const json = {
    async get(key: string): Promise<unknown> {
      const text = await client.get(key);
      return text === null ? null : [JSON.parse(text)];
    },
  };
  const connection = { json, hGetAll: (key: string) => client.hGetAll(key) };
  return connection as unknown as RedisConnection;
}

const since = new Date('2024-02-29T23:59:59.999Z');

describe.each(layouts)('records in the layout %s', (layout) => {
  let prefix: string;
  let cache: PrefetchCache<Everything>;
  let repository: Repository<Everything>;

  beforeEach(() => {
    prefix = uniquePrefix('cache:all');
    const schema = everythingSchema(prefix, layout);
    cache = new PrefetchCache({ client, schema });
    repository = new Repository(schema, omConnection());
  });

  /** What Redis OM gives for the id, without the symbols that it adds. */
  async function fetched(id: string): Promise<Everything> {
    return Object.fromEntries(Object.entries(await repository.fetch(id))) as Everything;
  }

  async function writtenAndRead(record: Everything): Promise<Everything | undefined> {
    await cache.applyChange({ op: 'upsert', id: record.id, record });
    return (await cache.get(record.id)).record;
  }

  it('of all types come back as they went in, whichever way they went', async () => {
    const record = layout === 'JSON' ? { ...everything, sizes: [1, -2.5, 0] } : everything;
    await expect(writtenAndRead(record)).resolves.toEqual(record);
    await cache.clear();
    await cache.bulkLoad([record]);
    await expect(cache.get(record.id)).resolves.toMatchObject({ outcome: 'hit', record });
    await expect(cache.getMany([record.id])).resolves.toMatchObject({ records: [record] });
    await expect(fetched(record.id)).resolves.toEqual(record);
    await cache.applyChange({ op: 'upsert', id: record.id, record: { price: 1 }, partial: true });
    await expect(cache.get(record.id)).resolves.toMatchObject({ record: { ...record, price: 1 } });
  });

  it.each<[string, Partial<Everything>]>([
    ['an empty text', { title: '' }],
    ['a text of digits', { title: '007', note: '1e3' }],
    ['a text like JSON', { title: '{"a":[1,"\\"\\u0000"]}', note: 'null' }],
    ['control characters', { title: '\0\x01\x7f\r\n\t', prose: '\u2028\u2029\ufeff' }],
    ['characters of all planes', { title: 'Ünïcode 日本 🧀 👩‍👩‍👧 \u{10ffff}' }],
    ['a long text', { title: 'ü'.repeat(500_000) }],
    ['zero', { price: 0 }],
    ['large numbers', { price: Number.MAX_VALUE }],
    ['small numbers', { price: Number.MIN_VALUE }],
    ['numbers of 16 digits', { price: 0.1 + 0.2 }],
    ['the largest whole number', { price: -Number.MAX_SAFE_INTEGER }],
    ['true', { isOpen: true }],
    ['false', { isOpen: false }],
    ['a date', { since }],
    ['a date before 1970', { since: new Date('1969-07-20T20:17:40.000Z') }],
    [
      'a date that Redis OM alone would give back a millisecond early',
      { since: new Date('2038-07-08T06:34:45.982Z') },
    ],
    ['one before 1970', { since: new Date(-1_001) }],
    ['the first moment of 1970', { since: new Date(0) }],
    ['a point', { place: { longitude: -0.1278, latitude: 51.5074 } }],
    ['the ends of the map', { place: { longitude: -180, latitude: 85.05112878 } }],
    ['the point zero', { place: { longitude: 0, latitude: 0 } }],
    ['an empty list', { title: 'x', tags: [] }],
    ['a list of an empty text', { tags: [''] }],
    ['a list that ends with an empty text', { tags: ['a', 'b', ''] }],
    ['a list of one', { tags: ['one, and only'] }],
  ])('%s', async (_, fields) => {
    // Redis OM gives [] for a list that is not there, in a hash.
    const record: Everything = { id: 'one', ...(layout === 'HASH' && { tags: [] }), ...fields };
    await expect(writtenAndRead(record)).resolves.toEqual(record);
    await expect(fetched('one')).resolves.toEqual(record);
  });

  it('a date may come as ISO text or as seconds, and goes out as a Date', async () => {
    for (const date of [since, new Date('2038-07-08T06:34:45.982Z')]) {
      for (const form of [date.toISOString(), date.getTime() / 1000]) {
        const record = { id: 'one', since: form as never };
        await expect(writtenAndRead(record)).resolves.toMatchObject({ since: date });
      }
    }
  });

  it('a number or boolean in a text field goes out as text, as with Redis OM', async () => {
    await expect(
      writtenAndRead({ id: 'one', title: 5 as never, prose: true as never }),
    ).resolves.toMatchObject({ title: '5', prose: 'true' });
  });

  it('null is kept in a document, and is no field in a hash', async () => {
    const record: Everything = { id: 'one', title: 'x', price: null, since: null, place: null, isOpen: null };
    const read = await writtenAndRead(record);
    expect(read).toEqual(layout === 'JSON' ? record : { id: 'one', title: 'x', tags: [] });
    await expect(fetched('one')).resolves.toEqual(read);
  });

  it('any records come back as they went in, and as Redis OM gives them', async () => {
    const records = fc.uniqueArray(anyEverything(layout), { selector: ({ id }) => id, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(records, async (given) => {
        await expect(cache.bulkLoad(given)).resolves.toMatchObject({ loaded: given.length, refusals: [] });
        const lookup = await cache.getMany(given.map(({ id }) => id));
        const read = 'records' in lookup ? lookup.records : [];
        // toEqual takes an absent field for one that is undefined, which is what is meant here.
        expect(read).toEqual(given);
        expect(await Promise.all(given.map(({ id }) => fetched(id)))).toStrictEqual(read);
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  it('whatever is taken comes back the same, whatever is not is refused', async () => {
    const anything = fc.record({
      id: fc.constant('any'),
      title: fc.string(),
      tags: fc.array(fc.string({ unit: fc.constantFrom('a', '|', '') })),
      place: fc.record({ longitude: fc.double(), latitude: fc.double() }),
      since: fc.oneof(
        fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31') }),
        fc.constant(null),
      ),
      price: fc.double(),
      extra: fc.anything({ withDate: true, withMap: true, withBigInt: true, withNullPrototype: true }),
    });
    const replacer = (_: string, value: unknown) => (Object.is(value, -0) ? 0 : value);
    await fc.assert(
      fc.asyncProperty(anything, async (record) => {
        const { refusals } = await cache.applyChanges([
          { op: 'upsert', id: 'any', record: record as unknown as Everything },
        ]);
        if (refusals.length > 0) return;
        const { record: read } = await cache.get('any');
        const { since: readSince, ...rest } = present(read);
        const { since: givenSince, ...givenRest } = record;
        expect(readSince ?? null).toEqual(givenSince);
        const isAbsent = layout === 'HASH' && (record.extra === null || record.extra === undefined);
        const expected = isAbsent ? { ...givenRest, extra: undefined } : givenRest;
        expect(rest).toEqual(JSON.parse(JSON.stringify(expected, replacer)));
      }),
      { numRuns: 400 },
    );
  }, 60_000);

  it('fields stored under other names come back under their own', async () => {
    const schema = new Schema<Everything>(
      prefix,
      layout === 'HASH'
        ? { title: { type: 'string', field: 't' }, price: { type: 'number', field: 'p' } }
        : { since: { type: 'date', path: '$.meta.since' }, title: { type: 'string' } },
      { dataStructure: layout },
    );
    const renamed = new PrefetchCache({ client, schema });
    const record = (layout === 'HASH'
      ? { id: 'one', title: 'x', price: 5 }
      : { id: 'one', title: 'x', meta: { since, by: 'me' } }) as unknown as Everything;
    await renamed.bulkLoad([record]);
    await expect(renamed.get('one')).resolves.toMatchObject({ outcome: 'hit', record });
    if (layout === 'HASH')
      await expect(client.hGetAll(`${prefix}:one`)).resolves.toEqual({ id: 'one', t: 'x', p: '5' });
  });
});
