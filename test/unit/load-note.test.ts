import { setImmediate } from 'node:timers/promises';
import { LoadWitness, expiryOf, writeNote } from '../../src/cache/load-note.js';
import { Keys } from '../../src/redis/keys.js';
import { HandDrivenClient } from '../support/hand-driven-client.js';

const keys = new Keys('cache:category');

describe('the life of the note', () => {
  it('ends when the first record of the load expires', () => {
    expect(expiryOf(60, 1_000_000, 1_010_000)).toBe(1_060_000);
  });

  it('is over before it began when the load took longer than that', () => {
    expect(() => expiryOf(1, 1_000_000, 1_001_000)).toThrow(
      expect.objectContaining({
        code: 'ERR_PREFETCH_LOAD_OUTLIVED_TTL',
        message: expect.stringMatching(/TTL of 1 s.*Raise ttlSeconds/),
      }),
    );
  });

  it('is written with the note, in one command', () => {
    const note = {
      id: 'one',
      loadedAt: '2026-11-20T12:00:00.000Z',
      records: 5,
      from: 'bulk-load',
      layout: 'hash; id string',
    };
    expect(writeNote(keys, note, 1_234)).toEqual([
      'SET',
      'prefetch:{cache:category}:loaded',
      JSON.stringify(note),
      'PXAT',
      '1234',
    ]);
  });
});

describe('who just missed a record', () => {
  let client: HandDrivenClient;
  let witness: LoadWitness;

  beforeEach(() => {
    client = new HandDrivenClient();
    witness = new LoadWitness(client, keys);
  });

  it('asks for the note', async () => {
    const look = witness.look();
    await setImmediate();
    expect(client.sent.map(({ words }) => words)).toEqual([['GET', keys.loadNote]]);
    client.answer(0).resolve('the note');
    await expect(look).resolves.toBe('the note');
    expect(witness.lastSeen).toBe('the note');
  });

  it('shares the question with a thousand others', async () => {
    const first = Array.from({ length: 500 }, () => witness.look());
    await setImmediate();
    const later = Array.from({ length: 500 }, () => witness.look());
    await setImmediate();
    expect(client.sent).toHaveLength(1);
    client.answer(0).resolve('the note');
    await expect(Promise.all(first)).resolves.toHaveLength(500);
    await setImmediate();
    expect(client.sent).toHaveLength(2);
    client.answer(1).resolve('the note');
    await expect(Promise.all(later)).resolves.toHaveLength(500);
  });

  it('never takes an answer to a question that was sent before', async () => {
    const early = witness.look();
    await setImmediate();
    const late = witness.look();
    client.answer(0).resolve('the note');
    await expect(early).resolves.toBe('the note');
    await setImmediate();
    client.answer(1).resolve(null); // flushed in between
    await expect(late).resolves.toBeNull();
    expect(witness.lastSeen).toBeNull();
  });

  it('asks anew when a question failed', async () => {
    const failing = witness.look();
    await setImmediate();
    const next = witness.look();
    client.answer(0).reject(new Error('Socket closed unexpectedly'));
    await expect(failing).rejects.toThrow('Socket closed');
    await setImmediate();
    client.answer(1).resolve('the note');
    await expect(next).resolves.toBe('the note');
  });
});
