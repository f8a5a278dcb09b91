import { createClient } from 'redis';
import type { RedisClient } from '../../src/index.js';
import {
  type RedisStreamSourceOptions,
  RedisStreamSource,
  publishChange,
} from '../../src/sources/redis-stream/index.js';

interface Row {
  id: string;
  name: string;
}

const client = createClient();
client.on('error', () => undefined);
const good: RedisStreamSourceOptions<Row> = { client, stream: 'changes', snapshot: () => [] };

describe('RedisStreamSource', () => {
  it('takes what it needs, and undefined for the rest', () => {
    const source = new RedisStreamSource({ ...good, trim: undefined, blockMs: undefined });
    expect(source.name).toBe('redis-stream:changes');
  });

  it.each<[string, object, RegExp]>([
    ['client', { client: undefined }, /`client` to be a node-redis client/],
    ['stream', { stream: '' }, /`stream` to be the key of a stream, got ''/],
    ['stream', { stream: 5 }, /`stream` to be the key of a stream, got 5/],
    ['snapshot', { snapshot: [] }, /`snapshot` to be a function that gives all records, got a list/],
    ['trim', { trim: 'no' }, /`trim` to be true or false/],
    ['blockMs', { blockMs: 0 }, /`blockMs` to be a number of milliseconds/],
    ['maxlen', { maxlen: 5 }, /no option `maxlen`/],
  ])('refuses a wrong %s', (_, wrong, message) => {
    const make = () => new RedisStreamSource({ ...good, ...wrong });
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_PREFETCH_OPTION' }) as Error);
  });

  it('refuses a client that would end the process', () => {
    expect(() => new RedisStreamSource({ ...good, client: createClient() })).toThrow(
      expect.objectContaining({ code: 'ERR_PREFETCH_CLIENT_WITHOUT_ERROR_LISTENER' }) as Error,
    );
  });
});

describe('publishChange()', () => {
  it('refuses a wrong client, a wrong stream and a wrong change before anything is sent', async () => {
    const change = { op: 'delete', id: 'a' } as const;
    await expect(publishChange({} as RedisClient, 'changes', change)).rejects.toThrow(/`client` to be/);
    await expect(publishChange(client, '', change)).rejects.toThrow(/`stream` to be/);
    await expect(publishChange(client, 'changes', { op: 'delete', id: '' })).rejects.toMatchObject({
      code: 'ERR_PREFETCH_REFUSED',
    });
  });

  it('says so when the client is closed', async () => {
    await expect(publishChange(client, 'changes', { op: 'truncate' })).rejects.toMatchObject({
      code: 'ERR_PREFETCH_CLIENT_CLOSED',
    });
  });
});
