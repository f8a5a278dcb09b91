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
async function followed(events: Iterable<Told | 'restart'>): Promise<Record<string, Row>> {
  const settings = resolveDecodeOptions<Row>('test', {});
  const records = new Map<string, Row>();
  const latest = new Map<string, number>();
  const past: Told[] = [];
  let reader = new EventReader<Row>(settings, 1_000);
  for (const event of events) {
    if (event === 'restart') {
      reader = new EventReader<Row>(settings, 1_000);
      await reader.remember(fromTheNewest(past));
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

async function* fromTheNewest(past: readonly Told[]): AsyncGenerator<Told> {
  await Promise.resolve();
  yield* [...past].reverse();
}

describe('events that come late, again and out of order, to workers that crash', () => {
  it('make what is in the table, and take no record back on the way', async () => {
    await fc.assert(
      fc.asyncProperty(steps, deliveries, async (all, how) => {
        const { told, table } = carriedOut(all);
        expect(await followed(delivered(told, how))).toEqual(table);
      }),
      { numRuns: 1000 },
    );
  });
});
