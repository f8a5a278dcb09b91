import { type Chain, Fence } from '../../src/redis/fence.js';
import { Keys } from '../../src/redis/keys.js';
import { Transaction } from '../../src/redis/transaction.js';
import { Lease } from '../../src/sync/lease.js';
import { type TestClient, type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { watchedClient } from '../support/watched-client.js';

let redis: TestRedis;
let client: TestClient;
let keys: Keys;

beforeAll(async () => {
  redis = await startTestRedis();
  client = await redis.client();
});

afterAll(() => redis.stop());

beforeEach(() => {
  keys = new Keys(uniquePrefix('cache:item'));
});

const lost = new Error('Socket closed unexpectedly');

/** Every command is executed, but the first replies are lost. */
function deaf(times: number): TestClient {
  let left = times;
  return watchedClient(client, async (_, send) => {
    const reply = await send();
    if (left-- > 0) throw lost;
    return reply;
  });
}

function lease(name: string, on = client, lifetimeMs = 10_000): Lease {
  return new Lease(on, keys, name, lifetimeMs, 60_000);
}

async function taken(by: Lease): Promise<Fence> {
  const fence = await by.take();
  if (typeof fence === 'string') throw new Error(`${fence} has it.`);
  return fence;
}

function push(text: string, fence: Chain): Transaction {
  const transaction = new Transaction(keys.loadNote, { fence });
  transaction.add('RPUSH', keys.record('list'), text);
  return transaction;
}

const list = () => client.lRange(keys.record('list'), 0, -1);

const leaseLost = { code: 'ERR_PREFETCH_LEASE_LOST' };
const stateLost = { code: 'ERR_PREFETCH_STATE_LOST' };
const unavailable = { code: 'ERR_PREFETCH_UNAVAILABLE' };

describe('a write of who holds the lease', () => {
  it('takes effect once, however often it is sent', async () => {
    const fence = await taken(lease('one'));
    const hardOfHearing = deaf(3);
    const first = push('a', fence);
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(first.send(hardOfHearing)).rejects.toMatchObject(unavailable);
    }
    await expect(first.send(hardOfHearing)).resolves.toBe(0);
    await push('b', fence).send(client);
    expect(await list()).toEqual(['a', 'b']);
  });

  it('that arrives after the next one changes nothing', async () => {
    const fence = await taken(lease('one'));
    const words: (readonly string[])[] = [];
    const recording = watchedClient(client, (sent, send) => {
      words.push(sent);
      return send();
    });
    await push('a', fence).send(recording);
    await push('b', fence).send(client);
    expect(await client.sendCommand([...words.at(-1)!])).toBe(-2);
    expect(await list()).toEqual(['a', 'b']);
  });

  it('is refused as a whole when somebody else has the lease', async () => {
    const [one, other] = [lease('one'), lease('other')];
    const former = await taken(one);
    await push('a', former).send(client);
    await one.release();
    const fence = await taken(other);
    await expect(push('x', former).send(client)).rejects.toMatchObject(leaseLost);
    await push('b', fence).send(client);
    await expect(push('x', former).send(client)).rejects.toMatchObject(leaseLost);
    expect(await list()).toEqual(['a', 'b']);
  });

  it.each<[string, () => Promise<unknown>, object]>([
    ['the lease has expired', () => client.del(keys.lease), leaseLost],
    ['everything was flushed', () => client.del([keys.lease, keys.stamp]), leaseLost],
    ['the stamp is gone', () => client.del(keys.stamp), stateLost],
    ['the stamp is of before', () => client.set(keys.stamp, 'one/0'), stateLost],
  ])('is refused when %s', async (_, lose, error) => {
    const fence = await taken(lease('one'));
    await push('a', fence).send(client);
    await lose();
    await expect(push('x', fence).send(client)).rejects.toMatchObject(error);
    expect(await list()).toEqual(['a']);
  });

  it('beside the others needs the lease, and leaves their order alone', async () => {
    const one = lease('one');
    const fence = await taken(one);
    const beside = (text: string) => {
      const transaction = new Transaction(keys.loadNote, { conditions: [fence.lease] });
      transaction.add('RPUSH', keys.record('list'), text);
      return transaction.send(client);
    };
    await push('a', fence).send(client);
    await beside('b');
    await push('c', fence).send(client);
    await one.release();
    await expect(beside('x')).rejects.toMatchObject(leaseLost);
    expect(await list()).toEqual(['a', 'b', 'c']);
  });
});

describe('a sweep', () => {
  it('begins whatever an earlier one left, and comes between other writes', async () => {
    const fence = await taken(lease('one'));
    await push('a', fence.sweep()).send(client);
    const sweep = fence.sweep();
    await push('b', sweep).send(client);
    await push('c', fence).send(client);
    await push('d', sweep).send(client);
    await push('e', fence).send(client);
    expect(await list()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('takes each step once, however often it is sent', async () => {
    const sweep = (await taken(lease('one'))).sweep();
    await push('a', sweep).send(client);
    const hardOfHearing = deaf(2);
    const second = push('b', sweep);
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(second.send(hardOfHearing)).rejects.toMatchObject(unavailable);
    }
    await expect(second.send(hardOfHearing)).resolves.toBe(0);
    expect(await list()).toEqual(['a', 'b']);
  });

  it.each<[string, () => Promise<unknown>, object]>([
    ['the lease is lost', () => client.del(keys.lease), leaseLost],
    ['its steps are gone', () => client.del(keys.sweep), stateLost],
  ])('goes no further when %s', async (_, lose, error) => {
    const sweep = (await taken(lease('one'))).sweep();
    await push('a', sweep).send(client);
    await lose();
    await expect(push('x', sweep).send(client)).rejects.toMatchObject(error);
    expect(await list()).toEqual(['a']);
  });

  it('goes no further on a server that was set back to before its latest step', async () => {
    const sweep = (await taken(lease('one'))).sweep();
    await push('a', sweep).send(client);
    const copy = await client.get(keys.sweep);
    await push('b', sweep).send(client);
    await client.set(keys.sweep, copy!);
    await expect(push('x', sweep).send(client)).rejects.toMatchObject(stateLost);
    expect(await list()).toEqual(['a', 'b']);
  });
});

describe('the lease', () => {
  it('has one holder, whose name the others hear', async () => {
    const one = lease('one');
    await taken(one);
    await expect(lease('other').take()).resolves.toBe('one');
    await expect(lease('one').take()).resolves.toBe('one'); // a name is no token
    await one.release();
    await expect(lease('other').take()).resolves.toBeInstanceOf(Fence);
  });

  it('whose reply was lost is had all the same when it is asked for again', async () => {
    const one = lease('one', deaf(3));
    for (let attempt = 0; attempt < 3; attempt++) await expect(one.take()).rejects.toMatchObject(unavailable);
    const fence = await taken(one);
    expect(await client.get(keys.lease)).toBe(fence.token);
    await push('a', fence).send(client);
  });

  it('whose reply was lost can be given back', async () => {
    const one = lease('one', deaf(1));
    await expect(one.take()).rejects.toMatchObject(unavailable);
    await one.release();
    expect(await client.exists(keys.lease)).toBe(0);
  });

  it('is not asked for again in the midst of a term by an older question that comes late', async () => {
    const words: (readonly string[])[] = [];
    const recording = watchedClient(client, (sent, send) => {
      words.push(sent);
      return send();
    });
    const fence = await taken(lease('one', recording));
    await push('a', fence).send(client);
    await client.sendCommand([...words[0]!]);
    await push('b', fence).send(client);
    expect(await list()).toEqual(['a', 'b']);
  });

  it('is taken anew by who has it, for another term', async () => {
    const one = lease('one');
    const former = await taken(one);
    const fence = await taken(one);
    expect(fence.token).not.toBe(former.token);
    await expect(push('x', former).send(client)).rejects.toMatchObject(leaseLost);
    await push('a', fence).send(client);
    expect(await list()).toEqual(['a']);
  });

  it('given back by who no longer has it stays with who has', async () => {
    const [one, other] = [lease('one'), lease('other')];
    await taken(one);
    await client.del(keys.lease);
    const fence = await taken(other);
    await one.release();
    expect(await client.get(keys.lease)).toBe(fence.token);
  });

  it('is kept by the one who has it, who then hears what the others do not', async () => {
    const [one, other] = [lease('one'), lease('other')];
    const fence = await taken(one);
    await client.pExpire(keys.lease, 500);
    await expect(one.keep(fence, false)).resolves.toEqual({ isLoaded: false, commands: [] });
    expect(await client.pTTL(keys.lease)).toBeGreaterThan(5_000);
    expect(await client.exists(keys.heartbeat)).toBe(0);

    await client.set(keys.loadNote, '{}');
    const id = await client.xAdd(keys.commands, '*', { name: 'reload' });
    await expect(one.keep(fence, true)).resolves.toEqual({
      isLoaded: true,
      commands: [[id, ['name', 'reload']]],
    });
    expect(Number(await client.get(keys.heartbeat))).toBeGreaterThan(0);

    await client.del(keys.lease);
    await expect(one.keep(fence, true)).rejects.toMatchObject(leaseLost);
    const newFence = await taken(other);
    await expect(one.keep(fence, true)).rejects.toMatchObject(leaseLost);
    await client.set(keys.stamp, 'from a copy');
    await expect(other.keep(newFence, true)).rejects.toMatchObject(stateLost);
  });

  it('is kept while nobody knows whether a write has arrived', async () => {
    const one = lease('one');
    const fence = await taken(one);
    await expect(push('a', fence).send(deaf(1))).rejects.toMatchObject(unavailable);
    await expect(one.keep(fence, true)).resolves.toBeDefined();
    await client.set(keys.stamp, fence.firstStamp); // as if it had not
    await expect(one.keep(fence, true)).resolves.toBeDefined();
  });
});
