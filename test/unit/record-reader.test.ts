import { setImmediate } from 'node:timers/promises';
import { createDataset } from '../../src/cache/dataset.js';
import { RecordReader } from '../../src/cache/record-reader.js';
import { documentStorage } from '../../src/redis/documents.js';
import { type Category, beverages, categorySchema } from '../support/category.js';
import { HandDrivenClient } from '../support/hand-driven-client.js';

let client: HandDrivenClient;

beforeEach(() => {
  client = new HandDrivenClient();
});

describe('a native document', () => {
  const dataset = createDataset<Category>(categorySchema('cache:category', 'JSON'), 60, undefined);
  let reader: RecordReader<Category>;

  beforeEach(() => {
    reader = new RecordReader(client, dataset, 'native');
  });

  it('is asked for as one object, whatever the server takes for the default path', async () => {
    const reading = reader.read('cat-001');
    await setImmediate();
    expect(client.sent.map(({ words }) => words)).toEqual([['JSON.GET', 'cache:category:cat-001', '.']]);
    client.answer(0).resolve(JSON.stringify(beverages));
    await expect(reading).resolves.toEqual(beverages);
  });

  it('may be absent', async () => {
    const reading = reader.read('cat-001');
    await setImmediate();
    client.answer(0).resolve(null);
    await expect(reading).resolves.toBeUndefined();
  });

  it('does not fit when it is a list', async () => {
    const reading = reader.read('cat-001');
    await setImmediate();
    client.answer(0).resolve(JSON.stringify([beverages]));
    await expect(reading).rejects.toMatchObject({ code: 'ERR_PREFETCH_UNREADABLE_RECORD' });
  });
});

describe('how a server holds documents', () => {
  async function storageAfter(answer: (probe: HandDrivenClient['sent'][number]) => void): Promise<string> {
    const asking = documentStorage(client, 'cache:category', 'prefetch:{cache:category}:loaded');
    await setImmediate();
    answer(client.answer(client.sent.length - 1));
    return asking;
  }

  it.each([
    ["ERR unknown command 'JSON.GET', with args beginning with: 'x'", 'string'],
    ['ERR unknown command `JSON.GET`, with args beginning with: `x`, ', 'string'],
    ["NOPERM this user has no permissions to run the 'json.get' command", 'native'],
    ['Existing key has wrong Redis type', 'native'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', 'native'],
  ])('is told by: %s', async (said, storage) => {
    await expect(
      storageAfter((probe) => {
        probe.reject(new Error(said));
      }),
    ).resolves.toBe(storage);
  });

  it('is native when it answers', async () => {
    await expect(
      storageAfter((probe) => {
        probe.resolve(null);
      }),
    ).resolves.toBe('native');
  });

  it('is not known while it cannot be asked, and is asked for again', async () => {
    await expect(
      storageAfter((probe) => {
        probe.reject(new Error('LOADING Redis is loading the dataset in memory'));
      }),
    ).rejects.toMatchObject({ code: 'ERR_PREFETCH_UNAVAILABLE' });
    await expect(
      storageAfter((probe) => {
        probe.resolve(null);
      }),
    ).resolves.toBe('native');
    await expect(documentStorage(client, 'cache:category', 'key')).resolves.toBe('native');
    expect(client.sent).toHaveLength(2);
  });
});
