import { Fence } from '../../src/redis/fence.js';
import { Keys } from '../../src/redis/keys.js';
import { Transaction } from '../../src/redis/transaction.js';
import { HandDrivenClient } from '../support/hand-driven-client.js';

const keys = new Keys('cache:item');
const lost = new Error('Socket closed unexpectedly');

let fence: Fence;
let client: HandDrivenClient;

beforeEach(() => {
  fence = new Fence(keys, 'worker/1');
  client = new HandDrivenClient();
});

function removal(...ids: string[]): Transaction {
  const transaction = new Transaction(keys.loadNote, { fence });
  for (const id of ids) transaction.add('UNLINK', keys.record(id));
  return transaction;
}

/** What the n-th command that was sent says of the lease, of the stamp before and of the stamp after. */
function claimOf(nth: number): { lease: string; from: string; to: string } {
  const [, , count = '', ...words] = client.answer(nth).words;
  const [, to = '', conditions, lease = '', from = ''] = words.slice(Number(count));
  expect(conditions).toBe('2');
  expect(words.slice(0, 3)).toEqual([keys.stamp, keys.lease, keys.stamp]);
  return { lease, from, to };
}

describe('the steps of a fence', () => {
  it('follow one another, each from where the one before ended', () => {
    expect(fence.stamps).toEqual([fence.firstStamp, fence.firstStamp]);
    let from = fence.firstStamp;
    for (let n = 0; n < 5; n++) {
      const step = fence.step();
      expect(step.from).toBe(from);
      expect(step.to).not.toBe(from);
      expect(fence.stamps).toEqual([from, step.to]);
      fence.passed(step);
      expect(fence.stamps).toEqual([step.to, step.to]);
      from = step.to;
    }
  });

  it('never say the same twice, nor the same as another fence', () => {
    const said = [fence, new Fence(keys, 'worker/2')].flatMap((each) => [
      each.firstStamp,
      ...Array.from({ length: 100 }, () => {
        const step = each.step();
        each.passed(step);
        return step.to;
      }),
    ]);
    expect(new Set(said).size).toBe(said.length);
  });

  it('take the lease and the stamp for granted, and say what it means when they are not there', () => {
    const { conditions, from } = fence.step();
    expect(conditions.map(({ key, holds }) => [key, holds])).toEqual([
      [keys.lease, 'worker/1'],
      [keys.stamp, from],
    ]);
    expect(conditions.map(({ otherwise }) => otherwise().code)).toEqual([
      'ERR_PREFETCH_LEASE_LOST',
      'ERR_PREFETCH_STATE_LOST',
    ]);
  });
});

describe('a fenced transaction', () => {
  it('is the same step however often it is sent', async () => {
    const transaction = removal('a');
    for (let attempt = 0; attempt < 3; attempt++) {
      const sent = expect(transaction.send(client)).rejects.toMatchObject({
        code: 'ERR_PREFETCH_UNAVAILABLE',
      });
      client.answer(attempt).reject(lost);
      await sent;
    }
    const sent = transaction.send(client);
    client.answer(3).resolve(1);
    await expect(sent).resolves.toBe(1);
    const [first, ...others] = [0, 1, 2, 3].map(claimOf);
    expect(others).toEqual([first, first, first]);
    expect(first).toEqual({ lease: 'worker/1', from: fence.firstStamp, to: fence.stamps[0] });
  });

  it('is the next step only when the one before has passed', async () => {
    const sending = removal('a').send(client);
    client.answer(0).resolve(1);
    await sending;
    const next = removal('b').send(client);
    client.answer(1).resolve(1);
    await next;
    expect(claimOf(1).from).toBe(claimOf(0).to);
  });

  it.each([
    [-1, 'ERR_PREFETCH_LEASE_LOST'],
    [-2, 'ERR_PREFETCH_STATE_LOST'],
  ])('that Redis answers with %i was not written: %s', async (reply, code) => {
    const sending = removal('a').send(client);
    client.answer(0).resolve(reply);
    await expect(sending).rejects.toMatchObject({ code });
    expect(fence.stamps[0]).toBe(fence.firstStamp);
  });

  it('has its own conditions after those of the fence', async () => {
    const otherwise = () => new RangeError('mine') as never;
    const transaction = new Transaction(keys.loadNote, {
      fence,
      conditions: [{ key: keys.reloadMark, holds: 'x', otherwise }],
    });
    transaction.add('DEL', keys.reloadMark);
    const sending = transaction.send(client);
    client.answer(0).resolve(-3);
    await expect(sending).rejects.toThrow('mine');
  });

  it('of nothing is not sent, and is no step', async () => {
    await expect(removal().send(client)).resolves.toBe(0);
    expect(client.sent).toEqual([]);
    expect(fence.stamps).toEqual([fence.firstStamp, fence.firstStamp]);
  });
});
