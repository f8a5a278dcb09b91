import { type PlatformaticConsumer, platformaticClient } from '../../src/sources/kafka/index.js';

const readCommitted = 1;

describe('a reader of @platformatic/kafka', () => {
  it('asks for what is committed only, whatever its consumer is set to', async () => {
    const asked: Record<string, unknown>[] = [];
    const consumer: PlatformaticConsumer = {
      metadata: () =>
        Promise.resolve({
          id: 'cluster',
          topics: new Map([['t', { id: 'id', partitions: [{ leader: 1 }] }]]),
        }),
      listOffsets: (options) => {
        asked.push({ ...options });
        return Promise.resolve(new Map([['t', [0n]]]));
      },
      fetch: (options) => {
        asked.push({ ...options });
        return Promise.resolve({ responses: [] });
      },
      close: () => Promise.resolve(),
    };
    const reader = platformaticClient(() => consumer).open('t');
    await reader.topic();
    await reader.fetch(new Map([[0, 0n]]), new AbortController().signal);
    await reader.close();
    expect(asked.map(({ isolationLevel }) => isolationLevel)).toEqual(Array(3).fill(readCommitted));
  });
});
