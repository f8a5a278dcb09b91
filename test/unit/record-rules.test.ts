import { type Entity, Schema } from 'redis-om';
import { RecordTransaction } from '../../src/cache/record-transaction.js';
import { DatasetAccess } from '../../src/cache/dataset-access.js';
import { createDataset } from '../../src/cache/dataset.js';
import { anyWriter } from '../../src/cache/writer.js';
import { HandDrivenClient } from '../support/hand-driven-client.js';
import type { Layout } from '../support/item.js';
import { everything, everythingSchema } from '../support/redis-om-values.js';

/** Why the record is refused, by our rules or by Redis OM's; nothing is sent. */
function whyRefused(layout: Layout, record: unknown, id = 'a', schema?: Schema): Promise<string | undefined> {
  const dataset = createDataset<Entity>(schema ?? everythingSchema('cache:all', layout), 60, undefined);
  const access = new DatasetAccess(new HandDrivenClient(), dataset, anyWriter, 'string');
  return new RecordTransaction(access, 'string', 'apply').save(id, record as Entity);
}

class Model {
  id = 'a';
  title = 't';
}

const circle: Record<string, unknown> = { id: 'a', title: 't' };
circle['note'] = { inner: circle };

const exploding = {
  id: 'a',
  get title(): string {
    throw new Error('lazy field not loaded');
  },
};

describe.each<Layout>(['JSON', 'HASH'])('in the layout %s', (layout) => {
  it('a record of all types is taken', async () => {
    await expect(whyRefused(layout, everything, everything.id)).resolves.toBeUndefined();
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /not a plain object/],
    ['null', null, /not a plain object/],
    ['a text', 'a', /not a plain object/],
    ['a list', [{ id: 'a' }], /not a plain object/],
    ['an instance of a class', new Model(), /not a plain object/],
    ['a Map', new Map([['id', 'a']]), /not a plain object/],
    ['no id', { title: 't' }, /has no id/],
    ['id undefined', { id: undefined, title: 't' }, /has no id/],
    ['id null', { id: null, title: 't' }, /the id "null" is not allowed/],
    ['a number as id', { id: 5, title: 't' }, /the id "5" is not allowed/],
    ['an empty id', { id: '', title: 't' }, /the id "" is not allowed/],
    ['an id into another dataset', { id: 'archive:1', title: 't' }, /the id "archive:1" is not allowed/],
    ['a huge id', { id: 'x'.repeat(300), title: 't' }, /the id "x{80}…" is not allowed/],
    ['another id than the change', { id: 'b', title: 't' }, /id "b" is not the change's "a"/],
    ['only an id', { id: 'a' }, /no fields besides its id/],
    ['only an id and undefined', { id: 'a', title: undefined }, /no fields besides its id/],
    ['NaN', { id: 'a', price: NaN }, /"price" is not a finite number/],
    ['infinity', { id: 'a', price: -Infinity }, /"price" is not a finite number/],
    ['NaN in a text field', { id: 'a', title: NaN }, /"title" is not a finite number/],
    ['a text as number', { id: 'a', price: '5' }, /price/],
    ['a text as boolean', { id: 'a', isOpen: 'true' }, /isOpen/],
    ['a number as boolean', { id: 'a', isOpen: 1 }, /isOpen/],
    ['an object as text', { id: 'a', title: {} }, /title/],
    ['an invalid date', { id: 'a', since: new Date(NaN) }, /"since" is not a valid date/],
    ['NaN as date', { id: 'a', since: NaN }, /"since" is not a valid date/],
    ['seconds beyond all dates', { id: 'a', since: 1e15 }, /"since" is not a valid date/],
    ['a text that is no date', { id: 'a', since: 'tomorrow' }, /since/],
    ['a point beyond the pole', { id: 'a', place: { longitude: 0, latitude: 86 } }, /latitude/],
    ['a point without numbers', { id: 'a', place: { longitude: '0', latitude: '0' } }, /place/],
    ['half a point', { id: 'a', place: { longitude: 5 } }, /place/],
    [
      'a point that comes back unreadable',
      { id: 'a', place: { longitude: 1e-7, latitude: 0 } },
      /too close to 0/,
    ],
    ['a text as list', { id: 'a', tags: 'kalt' }, /tags/],
    ['an object as list', { id: 'a', tags: { a: 'kalt' } }, /tags/],
    ['null in a list', { id: 'a', tags: ['kalt', null] }, /tags/],
    ['bigint', { id: 'a', title: 't', extra: 5n }, /extra/],
    ['a function', { id: 'a', title: 't', extra: () => 1 }, /extra/],
    ['a symbol', { id: 'a', title: 't', extra: Symbol('s') }, /extra/],
    ['an undeclared Date, beside a declared one', { id: 'a', title: 't', extra: new Date() }, /extra/],
    ['a field named __proto__', JSON.parse('{"id":"a","title":"t","__proto__":"x"}'), /__proto__/],
    [
      'more fields than Redis takes',
      { id: 'a', ...Object.fromEntries(manyFields(3000)) },
      /more than 3000 fields/,
    ],
    ['a getter that throws', exploding, /lazy field not loaded/],
    ['itself', circle, /note|holds itself/],
  ])('refused: %s', async (_, record, reason) => {
    await expect(whyRefused(layout, record)).resolves.toMatch(reason);
  });

  it.each<[string, unknown]>([
    ['one field', { id: 'a', title: '' }],
    ['null in a declared field', { id: 'a', title: 't', price: null, since: null, place: null }],
    ['no prototype', Object.assign(Object.create(null) as object, { id: 'a', title: 't' })],
    ['undefined fields', { id: 'a', title: 't', price: undefined, extra: undefined }],
    ['a date as ISO text or as seconds', { id: 'a', since: '2024-02-29T12:00:00Z' }],
    ['an undeclared text', { id: 'a', title: 't', extra: 'x' }],
    ['an empty list and one of an empty text', { id: 'a', title: 't', tags: [''] }],
    ['many fields', { id: 'a', ...Object.fromEntries(manyFields(2999)) }],
  ])('taken: %s', async (_, record) => {
    await expect(whyRefused(layout, record)).resolves.toBeUndefined();
  });
});

function manyFields(count: number): [string, string][] {
  return Array.from({ length: count }, (_, i) => [`field-${i}`, 'x']);
}

describe('in a hash', () => {
  it.each<[string, unknown, RegExp]>([
    ['an undeclared number', { id: 'a', title: 't', extra: 5 }, /"extra" is not in the schema/],
    ['an undeclared boolean', { id: 'a', title: 't', extra: true }, /"extra" is not in the schema/],
    ['an undeclared list', { id: 'a', title: 't', extra: ['x'] }, /"extra" is not in the schema/],
    ['a nested object', { id: 'a', title: 't', extra: { x: 'y' } }, /"extra" is not in the schema/],
    ['the separator in a list', { id: 'a', tags: ['a|b'] }, /"tags" holds .* the separator "\|"/],
    ['a number in a list', { id: 'a', tags: ['a', 5] }, /"tags" holds something other than text/],
    ['half a character', { id: 'a', title: '\ud83e' }, /"title" holds half a character/],
    ['half a character, undeclared', { id: 'a', title: 't', extra: '\ud83e' }, /"extra" holds half/],
    ['half a character in a list', { id: 'a', tags: ['x', '\ud83e'] }, /"tags" holds half/],
    ['a name of Object.prototype', { id: 'a', title: 't', constructor: 'x' }, /valid field type/],
  ])('refused: %s', async (_, record, reason) => {
    await expect(whyRefused('HASH', record)).resolves.toMatch(reason);
  });

  it('refused: a list that falls into other parts at a longer separator', async () => {
    const schema = new Schema(
      's',
      { tags: { type: 'string[]', separator: '||' } },
      { dataStructure: 'HASH' },
    );
    await expect(whyRefused('HASH', { id: 'a', tags: ['x|', 'y'] }, 'a', schema)).resolves.toMatch(
      /separator/,
    );
    await expect(whyRefused('HASH', { id: 'a', tags: ['x|x', 'y'] }, 'a', schema)).resolves.toBeUndefined();
  });

  it('refused: a field that would be overwritten by one stored under its name', async () => {
    const schema = new Schema('s', { name: { type: 'string', field: 'n' } }, { dataStructure: 'HASH' });
    await expect(whyRefused('HASH', { id: 'a', name: 'x', n: 'y' }, 'a', schema)).resolves.toMatch(
      /"n" has the name/,
    );
  });
});

describe('in a document', () => {
  it.each<[string, unknown, RegExp]>([
    ['a Set', { id: 'a', title: 't', extra: new Set([1]) }, /"extra" holds a Set/],
    ['a RegExp', { id: 'a', title: 't', extra: /x/ }, /"extra" holds a RegExp/],
    ['a Buffer', { id: 'a', title: 't', extra: Buffer.from('x') }, /"extra" holds a Buffer/],
    [
      'an instance inside',
      { id: 'a', title: 't', extra: { model: new Model() } },
      /"extra.model" holds a Model/,
    ],
    ['a bigint inside', { id: 'a', title: 't', extra: [[5n]] }, /"extra.0.0" holds a bigint/],
    [
      'NaN inside',
      { id: 'a', title: 't', extra: { deep: [1, NaN] } },
      /"extra.deep.1" is not a finite number/,
    ],
    ['a Date inside', { id: 'a', title: 't', extra: { at: new Date() } }, /"extra.at" holds a Date/],
    ['undefined in a list', { id: 'a', title: 't', extra: [1, undefined] }, /"extra" has gaps/],
    // eslint's no-sparse-arrays is right everywhere but here
    [
      'a gap in a list',
      { id: 'a', title: 't', extra: Array.from({ length: 3 }).fill(1, 1) },
      /"extra" has gaps/,
    ],
    ['__proto__ inside', { id: 'a', title: 't', extra: JSON.parse('{"__proto__":{"x":1}}') }, /__proto__/],
    ['a list of numbers with a text', { id: 'a', sizes: [1, '2'] }, /sizes/],
    ['a list of numbers with NaN', { id: 'a', sizes: [1, NaN] }, /"sizes.1" is not a finite number/],
    ['a circle', circle, /more than 128 levels deep, or holds itself/],
  ])('refused: %s', async (_, record, reason) => {
    await expect(whyRefused('JSON', record)).resolves.toMatch(reason);
  });

  it.each<[string, unknown]>([
    [
      'whatever JSON can hold',
      { id: 'a', extra: { list: [1, 'x', null, true, { deep: [[]] }], none: null } },
    ],
    ['half a character, which JSON escapes', { id: 'a', title: '\ud83e' }],
    ['a name of Object.prototype', { id: 'a', title: 't', constructor: 'x', toString: 5 }],
    ['the separator in a list', { id: 'a', tags: ['a|b'] }],
    ['null for a list', { id: 'a', title: 't', tags: null }],
  ])('taken: %s', async (_, record) => {
    await expect(whyRefused('JSON', record)).resolves.toBeUndefined();
  });

  it('a Date is taken inside where the schema declares one by its path', async () => {
    const schema = new Schema(
      's',
      { madeAt: { type: 'date', path: '$.meta.madeAt' } },
      { dataStructure: 'JSON' },
    );
    const taken = { id: 'a', meta: { madeAt: new Date(0) } };
    await expect(whyRefused('JSON', taken, 'a', schema)).resolves.toBeUndefined();
    const invalid = { id: 'a', meta: { madeAt: new Date(NaN) } };
    await expect(whyRefused('JSON', invalid, 'a', schema)).resolves.toMatch(
      /"meta.madeAt" is not a valid date/,
    );
  });
});
