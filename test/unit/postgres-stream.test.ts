import { ReplicationStream } from '../../src/sources/postgres/replication/replication-stream.js';
import { Line } from '../../src/sources/postgres/server/line.js';
import type { PgClient, PgWire, Submittable } from '../../src/sources/postgres/server/pg-client.js';
import { until } from '../support/until.js';

const silenceMs = 20;

/** A server that takes the command, and then sends at most a part of a message for each word of ours. */
function serverOf(bytesPerWord: number) {
  let handler: Submittable | undefined;
  const socket = {
    bytesRead: 0,
    pause: () => undefined,
    resume: () => undefined,
    destroy: (error?: Error) => handler?.handleError(error),
    setTimeout: () => undefined,
    on: () => undefined,
  };
  const server = { words: 0, asked: 0, isAtWork: true };
  const connection: PgWire = {
    stream: socket,
    query: () => undefined,
    sendCopyFromChunk: () => {
      server.words++;
      socket.bytesRead += bytesPerWord;
    },
    once: (_, listener) => {
      setImmediate(listener);
    },
  };
  const query = (submitted: Submittable) => {
    handler = submitted;
    submitted.submit(connection);
  };
  const line = new Line({ connection, query, on: () => undefined } as unknown as PgClient, 1, {
    silenceMs,
    isAtWork: () => {
      server.asked++;
      return Promise.resolve(server.isAtWork);
    },
    giveUp: () => Promise.resolve(),
  });
  return { line, server };
}

/** What ends it. */
async function follow(line: Line): Promise<{ failure?: unknown }> {
  const stream = new ReplicationStream(line, {
    slot: 'slot',
    publication: 'publication',
    from: 1n,
    applied: () => 1n,
    statusMs: 5,
    silenceMs,
  });
  await stream.start();
  const end: { failure?: unknown } = {};
  stream.next().catch((error: unknown) => (end.failure = error));
  return end;
}

describe('a server that is silent', () => {
  it('is not given up while it is at work, and is when it is not', async () => {
    const { line, server } = serverOf(0);
    const end = await follow(line);
    await until(() => server.asked >= 3);
    expect(end.failure).toBeUndefined();
    server.isAtWork = false;
    await until(() => end.failure);
    expect(String(end.failure)).toMatch(/terminated by silence/);
  });

  it('is not one whose long message has not come to its end', async () => {
    const { line, server } = serverOf(1_000);
    const end = await follow(line);
    await until(() => server.words > 20);
    expect(server.asked).toBe(0);
    line.giveUp();
    await until(() => end.failure);
  });
});
