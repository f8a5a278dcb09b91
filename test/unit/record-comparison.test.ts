import { setImmediate } from 'node:timers/promises';
import { DatasetAccess } from '../../src/cache/dataset-access.js';
import { createDataset } from '../../src/cache/dataset.js';
import { type Finding, RecordComparison } from '../../src/cache/record-comparison.js';
import { anyWriter } from '../../src/cache/writer.js';
import { type Category, categories, categorySchema } from '../support/category.js';
import { HandDrivenClient } from '../support/hand-driven-client.js';

describe('comparing with native documents', () => {
  let client: HandDrivenClient;
  let comparing: Promise<Finding[]>;

  beforeEach(async () => {
    client = new HandDrivenClient();
    const dataset = createDataset<Category>(categorySchema('cache:category', 'JSON'), 60, undefined);
    const access = new DatasetAccess(client, dataset, anyWriter, 'native');
    const comparison = await RecordComparison.on(access);
    comparing = comparison.compare(categories);
    await setImmediate();
  });

  it('asks for all of them before the first is answered', () => {
    expect(client.sent.map(({ words }) => words)).toEqual(
      categories.map(({ id }) => ['JSON.GET', `cache:category:${id}`, '.']),
    );
  });

  it('tells what is missing, different or of another type', async () => {
    const [first, , third] = categories;
    client.answer(0).resolve(JSON.stringify(first));
    client.answer(1).resolve(null);
    client.answer(2).resolve(JSON.stringify({ ...third, featured: true, display_order: 3.0 }));
    client.answer(3).reject(new Error('Existing key has wrong Redis type'));
    client.answer(4).resolve('[1]');
    expect(await comparing).toEqual([
      { is: 'same' },
      { is: 'missing' },
      { is: 'different', fields: ['featured'] },
      { is: 'different', fields: [] },
      { is: 'different', fields: [] },
    ]);
  });

  it('says nothing of any when one cannot be read', async () => {
    client.answer(0).reject(new Error('Socket closed unexpectedly'));
    await expect(comparing).rejects.toMatchObject({ code: 'ERR_PREFETCH_UNAVAILABLE' });
  });
});
