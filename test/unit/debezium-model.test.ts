import fc from 'fast-check';
import { resolveDecodeOptions } from '../../src/sources/debezium/decode-options.js';
import { EventReader } from '../../src/sources/debezium/event-reader.js';
import { type KeyAndValue, message, tombstone, unavailable } from '../support/debezium-messages.js';

type Row = { id: string } & Record<string, unknown>;

/** What is done to one of a few rows. A text that is not changed is not logged. */
interface Step {
  readonly id: number;
  readonly kind: 'write' | 'write all' | 'remove';
}

interface Told extends KeyAndValue {
  readonly id: string;
  readonly lsn: number;
}

/** How a batch is delivered: what is refused first comes after the rest; afterwards some events come once more. */
interface Delivery {
  readonly size: number;
  readonly refused: readonly number[];
  readonly again: number;
  readonly restarts: boolean;
}

const steps = fc.array(
  fc.record<Step>({
    id: fc.integer({ min: 1, max: 3 }),
    kind: fc.constantFrom('write', 'write', 'write all', 'remove'),
  }),
  { minLength: 1, maxLength: 40 },
);
const deliveries = fc.array(
  fc.record<Delivery>({
    size: fc.integer({ min: 1, max: 12 }),
    refused: fc.array(fc.nat(11), { maxLength: 6 }),
    again: fc.nat(8),
    restarts: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
);

/** The messages in the order of the log, and what is in the table afterwards. */
function carriedOut(all: readonly Step[]): { told: Told[]; table: Record<string, Row> } {
  const table = new Map<string, Row>();
  const told: Told[] = [];
  let lsn = 100;
  for (const { id: number, kind } of all) {
    const id = String(number);
    const row = table.get(id);
    lsn += 10;
    if (kind === 'remove') {
      if (!row) continue;
      table.delete(id);
      told.push({ ...message({ id }, { op: 'd', before: { id }, lsn }), id, lsn });
      told.push({ ...tombstone({ id }), id, lsn });
      continue;
    }
    const text = row && kind === 'write' ? row['text'] : `text ${lsn}`;
    table.set(id, { id, name: `name ${lsn}`, text });
    const logged = row && kind === 'write' ? unavailable : text;
    const after = { id, name: `name ${lsn}`, text: logged };
    told.push({ ...message({ id }, { op: row ? 'u' : 'c', after, lsn }), id, lsn });
  }
  return { told, table: Object.fromEntries(table) };
}

function* delivered(told: readonly Told[], how: readonly Delivery[]): Generator<Told | 'restart'> {
  let at = 0;
  for (let i = 0; at < told.length; i++) {
    const { size, refused, again, restarts } = how[i % how.length]!;
    const batch = told.slice(at, at + size);
    yield* batch.filter((_, n) => !refused.includes(n));
    yield* batch.filter((_, n) => refused.includes(n));
    at += size;
    if (restarts) yield 'restart';
    yield* told.slice(Math.max(0, at - again), at);
  }
}

/** A worker, and those that take over from it: each knows what was delivered before, and no more. */
function followed(events: Iterable<Told | 'restart'>): Record<string, Row> {
  const settings = resolveDecodeOptions<Row>('test', {});
  const records = new Map<string, Row>();
  const latest = new Map<string, number>();
  const past: Told[] = [];
  let reader = new EventReader<Row>(settings, 1_000);
  for (const event of events) {
    if (event === 'restart') {
      reader = new EventReader<Row>(settings, 1_000);
      for (const earlier of past) reader.read(earlier);
      continue;
    }
    past.push(event);
    for (const change of reader.read(event).changes) {
      if (change.op !== 'upsert' && change.op !== 'delete') throw new Error(`There is a ${change.op}.`);
      const newest = latest.get(event.id) ?? 0;
      // A tombstone tells no position: what it removes may still be told of.
      if (event.value !== null) latest.set(event.id, Math.max(newest, event.lsn));
      if (change.op === 'delete') {
        expect(event.lsn).toBeGreaterThanOrEqual(newest);
        records.delete(change.id);
        continue;
      }
      const base = records.get(change.id);
      if (change.partial && !base) continue; // there is nothing to merge it into: a dead letter
      const record = (change.partial ? { ...base, ...change.record } : change.record) as Row;
      if (event.lsn < newest) expect(record['name']).toBe(base?.['name'] ?? `name ${newest}`);
      records.set(change.id, record);
    }
  }
  return Object.fromEntries(records);
}

describe('events that come late, again and out of order, to workers that crash', () => {
  it('make what is in the table, and take no record back on the way', () => {
    fc.assert(
      fc.property(steps, deliveries, (all, how) => {
        const { told, table } = carriedOut(all);
        expect(followed(delivered(told, how))).toEqual(table);
      }),
      { numRuns: 1000 },
    );
  });
});

/** Rows whose ids are made of a column that changes: no two have the same at a time. */
function renamed(all: readonly (Step & { readonly slug: string })[]): {
  told: Told[];
  table: Record<string, Row>;
} {
  const slugs = new Map<string, string>();
  const table = new Map<string, Row>();
  const told: Told[] = [];
  for (const [n, { id: number, kind, slug }] of all.entries()) {
    const [id, lsn] = [String(number), 100 + 10 * n];
    const former = slugs.get(id);
    const before = former === undefined ? null : { id, slug: former };
    if (kind === 'remove' ? !before : slug !== former && table.has(slug)) continue;
    if (former !== undefined) table.delete(former);
    slugs.delete(id);
    if (kind === 'remove') {
      told.push({ ...message({ id }, { op: 'd', before, lsn }), id, lsn });
      continue;
    }
    slugs.set(id, slug);
    const after = { id, slug, name: `name ${lsn}` };
    table.set(slug, { ...after, id: slug });
    told.push({ ...message({ id }, { op: before ? 'u' : 'c', before, after, lsn }), id, lsn });
  }
  return { told, table: Object.fromEntries(table) };
}

describe('events that change ids, and come late, again and out of order', () => {
  it('make what is in the table', () => {
    const slugged = fc.array(
      fc.record({
        id: fc.integer({ min: 1, max: 3 }),
        kind: fc.constantFrom<Step['kind']>('write', 'write', 'write', 'remove'),
        slug: fc.constantFrom('a', 'b', 'c', 'd'),
      }),
      { minLength: 1, maxLength: 40 },
    );
    const settings = resolveDecodeOptions<Row>('test', { keyColumns: ['slug'] });
    fc.assert(
      fc.property(slugged, deliveries, (all, how) => {
        const { told, table } = renamed(all);
        const records = new Map<string, Row>();
        const reader = new EventReader<Row>(settings, 1_000);
        for (const event of delivered(told, how)) {
          if (event === 'restart') continue;
          for (const change of reader.read(event).changes) {
            if (change.op === 'upsert') records.set(change.id, change.record as Row);
            if (change.op === 'delete') records.delete(change.id);
          }
        }
        expect(Object.fromEntries(records)).toEqual(table);
      }),
      { numRuns: 1000 },
    );
  });
});
