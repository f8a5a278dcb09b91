import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { answersAt } from '../../src/demo/redis-server/answers-at.js';
import { type FindRedisOptions, NoRedisError, findRedis } from '../../src/demo/redis-server/find-redis.js';
import { installRedisServer } from '../../src/demo/redis-server/install.js';
import { startPrivateRedis } from '../../src/demo/redis-server/private-redis.js';
import { findServerBinary } from '../../src/demo/redis-server/server-binary.js';
import { type TestRedis, serverBinary, startTestRedis } from '../support/redis.js';

let redis: TestRedis;
let gone: TestRedis;
let binary: string;
let directory: string;
let said: string[];

beforeAll(async () => {
  binary = await serverBinary();
  redis = await startTestRedis({ private: true });
  gone = await startTestRedis({ private: true });
  await gone.kill();
});

afterAll(async () => {
  await redis.stop();
});

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'finder-'));
  said = [];
});

afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

/** A machine where nothing is: no Redis answers, the PATH is empty and nothing may be installed. */
function bare(changes: Partial<FindRedisOptions> = {}): FindRedisOptions {
  return {
    given: undefined,
    environment: { PATH: directory, PREFETCH_NO_INSTALL: '1' },
    projectDirectory: directory,
    say: (line) => said.push(line),
    localUrl: gone.url,
    ...changes,
  };
}

async function command(name: string, script: string): Promise<void> {
  await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(directory, name), 0o755);
}

describe('which Redis', () => {
  test('the one that is given', async () => {
    const found = await findRedis(bare({ given: { url: redis.url, by: 'REDIS_URL' }, localUrl: redis.url }));
    expect(found).toMatchObject({ url: redis.url, note: `${redis.url}, given by REDIS_URL` });
    await found.stop();
    expect(await answersAt({ port: redis.port })).toBe(true);
  });

  test('when the one that is given is unreachable, no other', async () => {
    const given = { url: `redis://user:secret@127.0.0.1:${gone.port}`, by: '--redis-url' };
    const found = findRedis(bare({ given, localUrl: redis.url, environment: process.env }));
    await expect(found).rejects.toThrow(NoRedisError);
    await expect(found).rejects.toThrow(/given by --redis-url.*ECONNREFUSED/);
    await expect(found).rejects.toThrow(/^((?!secret).)*$/s);
  });

  test('one that is given but stalled is unreachable', async () => {
    const stalled = await startTestRedis({ private: true });
    stalled.stall();
    await expect(findRedis(bare({ given: { url: stalled.url, by: 'REDIS_URL' } }))).rejects.toThrow(
      /no answer/,
    );
    await stalled.stop();
  });

  test('the local one when it answers', async () => {
    const found = await findRedis(bare({ localUrl: redis.url, environment: process.env }));
    expect(found).toMatchObject({ url: redis.url, note: `${redis.url}, because it answers there` });
  });

  test('not a local one that wants a password', async () => {
    const closed = await startTestRedis({ args: ['--requirepass', 'secret'] });
    await expect(findRedis(bare({ localUrl: closed.url }))).rejects.toThrow(/cannot be used \(.*NOAUTH/);
    await closed.stop();
  });

  test.each(['redis-server', 'valkey-server'])('a private one from %s on the PATH', async (name) => {
    await symlink(binary, join(directory, name));
    const found = await findRedis(bare());
    expect(found.note).toBe(
      `a private ${join(directory, name)} at ${found.url}, because nothing answers at ${gone.url}`,
    );
    const port = Number(new URL(found.url).port);
    expect(await answersAt({ port })).toBe(true);
    await found.stop();
    expect(await answersAt({ port })).toBe(false);
  });

  test('not a private one that cannot start', async () => {
    await command('redis-server', 'exit 3');
    await expect(findRedis(bare())).rejects.toThrow(/redis-server did not start: it ended with 3,/);
  });

  test('that of docker compose when an engine answers', async () => {
    const options = `--port ${gone.port} --daemonize yes --save '' --dir '${directory}' --unixsocket '${directory}/socket'`;
    await command(
      'docker',
      `echo "$PWD $*" >>'${directory}/calls'
[ "$1" = info ] && exit
'${binary}' ${options} >/dev/null
until [ -S '${directory}/socket' ]; do /bin/sleep 0.01; done`,
    );
    try {
      const found = await findRedis(bare());
      expect(found.url).toBe(gone.url);
      expect(found.note).toMatch(/^the redis of docker compose at \S+, because nothing answers at/);
      expect(said).toEqual(['Starting Redis: docker compose up -d --wait redis']);
      const calls = await readFile(join(directory, 'calls'), 'utf8');
      expect(calls).toContain(`${directory} compose up -d --wait redis\n`);
      await found.stop();
      expect(await answersAt({ port: gone.port })).toBe(true);
    } finally {
      const client = createClient({ url: gone.url, socket: { reconnectStrategy: false } });
      client.on('error', () => undefined);
      await client.connect();
      await client.sendCommand(['SHUTDOWN', 'NOSAVE']).catch(() => undefined);
      client.destroy();
    }
  });

  test('not docker without an engine', async () => {
    await command('docker', 'exit 1');
    await expect(findRedis(bare())).rejects.toThrow(/no Docker engine answers/);
    expect(said).toEqual([]);
  });

  test('a private one, installed on Debian by root', async () => {
    await writeFile(join(directory, 'os-release'), 'NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian\n');
    await command(
      'apt-get',
      `echo "$*" >>'${directory}/calls'
case "$*" in
  *update) : >'${directory}/updated' ;;
  *) [ -e '${directory}/updated' ] && /bin/ln -s '${binary}' '${directory}/redis-server' ;;
esac`,
    );
    const found = await findRedis(
      bare({
        environment: { PATH: directory },
        system: { osRelease: join(directory, 'os-release'), userId: 0 },
      }),
    );
    expect(found.note).toMatch(/^a private .*, because .* is on the PATH, no Docker engine answers$/);
    expect(said).toEqual([expect.stringMatching(/^Installing redis-server .*PREFETCH_NO_INSTALL=1 forbids/)]);
    expect((await readFile(join(directory, 'calls'), 'utf8')).trim().split('\n')).toEqual([
      expect.stringMatching(/ install .*redis-server$/),
      expect.stringMatching(/ update$/),
      expect.stringMatching(/ install .*redis-server$/),
    ]);
    await found.stop();
  });

  test('otherwise an error with what to type', async () => {
    const found = findRedis(bare());
    await expect(found).rejects.toThrow(NoRedisError);
    await expect(found).rejects.toThrow(/apt-get install redis-server[^]*brew install redis[^]*docker run/);
    await expect(found).rejects.toThrow(/PREFETCH_NO_INSTALL forbids/);
  });
});

describe('installing', () => {
  const install = (environment: NodeJS.ProcessEnv, osRelease: string, userId: number) =>
    installRedisServer((line) => said.push(line), { PATH: directory, ...environment }, { osRelease, userId });

  beforeEach(async () => {
    await writeFile(join(directory, 'debian'), 'ID=debian\n');
    await writeFile(join(directory, 'fedora'), 'ID=fedora\n');
  });

  test.each([
    [{ PREFETCH_NO_INSTALL: '1' }, 'debian', 0, /PREFETCH_NO_INSTALL/],
    [{}, 'fedora', 0, /not Debian/],
    [{}, 'no-such-file', 0, /not Debian/],
    [{}, 'debian', 1000, /only root/],
  ])('%j on %s by user %d is not done', async (environment, osRelease, userId, why) => {
    const outcome = await install(environment, join(directory, osRelease), userId);
    expect(outcome).toEqual({ installed: false, why: expect.stringMatching(why) as unknown });
    expect(said).toEqual([]);
  });

  test('without apt-get it fails', async () => {
    expect(await install({}, join(directory, 'debian'), 0)).toMatchObject({ installed: false });
  });
});

describe('the private server', () => {
  test('listens on 127.0.0.1 only, keeps nothing and leaves nothing', async () => {
    const server = await startPrivateRedis({ binary });
    const client = createClient({ url: server.url });
    client.on('error', () => undefined);
    await client.connect();
    expect(await client.configGet('*')).toMatchObject({ bind: '127.0.0.1', save: '', appendonly: 'no' });
    const { dir = '' } = await client.configGet('dir');
    client.destroy();
    await server.stop();
    await server.stop();
    await expect(readFile(join(dir, 'log'))).rejects.toThrow('ENOENT');
    expect(await answersAt({ port: server.port })).toBe(false);
  });

  test('never takes another server on its port for its own', async () => {
    const started = startPrivateRedis({ binary, port: redis.port });
    await expect(started).rejects.toThrow(/did not start: it ended with 1[^]*in use/);
  });

  test('starts with a password', async () => {
    const server = await startPrivateRedis({ binary, args: ['--requirepass', 'secret'] });
    expect(await answersAt({ port: server.port })).toBe(true);
    await server.stop();
  });

  test('stops when it is stalled, and tells when it ended by itself', async () => {
    const stalled = await startPrivateRedis({ binary });
    stalled.process.kill('SIGSTOP');
    await stalled.stop();
    const crashed = await startPrivateRedis({ binary });
    process.kill(crashed.pid, 'SIGKILL');
    await crashed.ended;
    await crashed.stop();
  });

  test('does not start from what is not there', async () => {
    await expect(startPrivateRedis({ binary: join(directory, 'nothing') })).rejects.toThrow(/ENOENT/);
    expect(await findServerBinary(directory)).toBeUndefined();
    expect(await findServerBinary('')).toBeUndefined();
  });
});

describe('the server of the tests', () => {
  test('comes back on the same port, empty', async () => {
    const own = await startTestRedis({ private: true });
    await (await own.client()).set('key', 'value');
    await own.restart();
    expect(await (await own.client()).dbSize()).toBe(0);
    await own.stop();
  });
});
