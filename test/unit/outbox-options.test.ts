import {
  type OutboxSourceOptions,
  OutboxSource,
  outboxRemovalSql,
  outboxSql,
} from '../../src/sources/postgres/outbox/index.js';
import { resolveOptions } from '../../src/sources/postgres/outbox/options.js';

const needed = { connection: 'postgres://localhost/shop', table: 'category' };
const options = (given: object = {}) => ({ ...needed, ...given }) as OutboxSourceOptions<{ id: string }>;
const optionError = (message: RegExp) =>
  expect.objectContaining({
    code: 'ERR_PREFETCH_OPTION',
    message: expect.stringMatching(message),
  }) as Error;

describe('the options of OutboxSource', () => {
  it('have defaults, for which undefined counts as absent', () => {
    const resolved = resolveOptions(options({ key: undefined, pollMs: undefined, onWarning: undefined }));
    expect(resolved).toMatchObject({
      table: { schema: 'public', name: 'category' },
      names: {
        outbox: { schema: 'public', name: 'prefetch_outbox_category' },
        state: { schema: 'public', name: 'state_of_prefetch_outbox_category' },
      },
      create: true,
      notify: false,
      pollMs: 100,
      heartbeatMs: 5_000,
      acknowledgeAfterMs: 2_000,
      reconnectWithinMs: 10_000,
    });
    expect(Object.isFrozen(resolved)).toBe(true);
    expect(resolveOptions(options({ notify: true })).pollMs).toBe(1_000);
    expect(resolveOptions(options({ key: 'code' })).key).toEqual(['code']);
    expect(resolveOptions(options({ table: 'shop.category', outbox: 'other.box' })).names.outbox).toEqual({
      schema: 'other',
      name: 'box',
    });
    expect(new OutboxSource(options({ table: 'shop.category' })).name).toBe('outbox:shop.category');
  });

  it.each<[object, RegExp]>([
    [{ table: '' }, /`table`/],
    [{ table: 'a.b.c' }, /`table`/],
    [{ connection: 7 }, /`connection`/],
    [{ columns: [] }, /`columns`/],
    [{ key: [''] }, /`key`/],
    [{ where: 1 }, /`where`/],
    [{ map: 'name' }, /`map`/],
    [{ outbox: 'x'.repeat(55) }, /`outbox`/],
    [{ outbox: 'a.b.c' }, /`outbox`/],
    [{ outbox: 'category' }, /`outbox`.*another table/],
    [{ table: 'state_of_x', outbox: 'x' }, /`outbox`.*another table/],
    [{ create: 'yes' }, /`create`/],
    [{ notify: 1 }, /`notify`/],
    [{ pollMs: 0 }, /`pollMs`/],
    [{ heartbeatMs: -1 }, /`heartbeatMs`/],
    [{ acknowledgeAfterMs: -1 }, /`acknowledgeAfterMs`/],
    [{ reconnectWithinMs: 'x' }, /`reconnectWithinMs`/],
    [{ onWarning: true }, /`onWarning`/],
    [{ slot: 'x' }, /no option `slot`/],
  ])('are refused when they are wrong: %j', (given, message) => {
    expect(() => new OutboxSource(options(given))).toThrow(optionError(message));
  });

  it('are warned of by the process when nobody listens', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    resolveOptions(options()).onWarning({ code: 'reconnecting', message: 'again' });
    expect(emitWarning).toHaveBeenCalledWith('again', {
      type: 'PrefetchOutboxWarning',
      code: 'reconnecting',
    });
    emitWarning.mockRestore();
  });
});

describe('the SQL of an outbox', () => {
  it('needs the key, and takes the options of the source', () => {
    expect(() => outboxSql({ table: 'category' })).toThrow(optionError(/`key`/));
    expect(() => outboxSql({ table: 'category', keys: 'id' } as never)).toThrow(
      optionError(/no option `keys`/),
    );
    expect(outboxSql(options({ key: 'id', pollMs: 5 }))).toBe(outboxSql({ table: 'category', key: 'id' }));
  });

  it('quotes names, in what makes it and what removes it', () => {
    const given = { table: `o'dd "shop`, key: 'i"d', columns: ['na me'], notify: true };
    expect(outboxSql(given)).toContain(`row("o'dd ""shop"."i""d", "o'dd ""shop"."na me")::text`);
    expect(outboxSql(given)).toContain(`pg_notify('prefetch_outbox_o''dd "shop', '')`);
    expect(outboxRemovalSql(given)).toContain(`drop table if exists "public"."prefetch_outbox_o'dd ""shop"`);
  });

  it('says nothing of NOTIFY unless it is wanted', () => {
    expect(outboxSql({ table: 'category', key: 'id' })).not.toMatch(/pg_notify/);
  });
});
