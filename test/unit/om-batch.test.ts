import { OmBatch } from '../../src/redis/om-batch.js';
import type { DocumentStorage } from '../../src/redis/documents.js';
import { Transaction } from '../../src/redis/transaction.js';
import { beverages, categorySchema } from '../support/category.js';
import type { Layout } from '../support/item.js';

/** What Redis OM writes through a batch, command by command. */
function recording(layout: Layout, storage: DocumentStorage) {
  const transaction = new Transaction('own-key');
  const add = jest.spyOn(transaction, 'add');
  const batch = new OmBatch(categorySchema('cache:category', layout), transaction, storage, 60);
  return { batch, commands: () => add.mock.calls };
}

const key = 'cache:category:cat-001';
const document = '{"id":"cat-001","name":"Beverages","display_order":1,"featured":true,"parent_id":""}';

test('a native document replaces whatever is there, with its TTL', async () => {
  const { batch, commands } = recording('JSON', 'native');
  await batch.save('cat-001', beverages);
  expect(commands()).toEqual([
    ['UNLINK', key],
    ['JSON.SET', key, '$', document],
    ['EXPIRE', key, '60'],
  ]);
});

test('a string document is one command, TTL and all', async () => {
  const { batch, commands } = recording('JSON', 'string');
  await batch.save('cat-001', beverages);
  expect(commands()).toEqual([['SET', key, document, 'EX', '60']]);
});

test('a hash replaces whatever is there, so that no old field lingers', async () => {
  const { batch, commands } = recording('HASH', 'string');
  await batch.save('cat-001', beverages);
  expect(commands()).toEqual([
    ['UNLINK', key],
    [
      ...['HSET', key, 'id', 'cat-001', 'name', 'Beverages', 'display_order', '1'],
      ...['featured', '1', 'parent_id', ''],
    ],
    ['EXPIRE', key, '60'],
  ]);
});

test.each<[Layout, DocumentStorage]>([
  ['JSON', 'native'],
  ['JSON', 'string'],
  ['HASH', 'string'],
])('a removal is an UNLINK, in %s %s', async (layout, storage) => {
  const { batch, commands } = recording(layout, storage);
  await batch.remove('cat-001');
  expect(commands()).toEqual([['UNLINK', key]]);
});

test.each<Layout>(['JSON', 'HASH'])('a record that does not fit records nothing, in %s', async (layout) => {
  const { batch, commands } = recording(layout, 'native');
  await expect(batch.save('cat-001', { ...beverages, display_order: '1' as never })).rejects.toThrow(
    /display_order/,
  );
  expect(commands()).toEqual([]);
});
