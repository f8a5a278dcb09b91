import { chmod, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DemoProcess, spawnDemo } from '../support/demo-process.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { until } from '../support/until.js';

let redis: TestRedis;
let demo: DemoProcess;
/** Where the app puts what it needs for a while. */
let folder: string;

beforeAll(async () => {
  redis = await startTestRedis();
});

afterAll(async () => {
  await redis.stop();
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'demo-'));
  await chmod(folder, 0o755); // Postgres may run as another user
  const args = ['--port', '0', '--redis-url', redis.url, '--cache-prefix', uniquePrefix()];
  demo = spawnDemo([...args, '--primary', 'postgres'], { TMPDIR: folder });
});

afterEach(async () => {
  demo.kill('SIGKILL');
  await demo.exit();
  await until(async () => (await readdir(folder)).length === 0);
  await rm(folder, { recursive: true });
});

async function serverPid(): Promise<number> {
  const [directory = ''] = await readdir(folder);
  return Number.parseInt(await readFile(join(folder, directory, 'data/postmaster.pid'), 'utf8'), 10);
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describeOnPostgres('the app with a Postgres of its own', () => {
  test('a row that is changed is readable from the cache, and SIGTERM leaves nothing behind', async () => {
    const url = await demo.url();
    expect(demo.output.stdout).toMatch(
      /^Primary: an embedded Postgres; to look inside: psql -h \/\S+ -U postgres$/m,
    );
    await fetch(`${url}primary/categories/cat-001`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: '{"name":"From a row"}',
    });
    await until(async () => (await (await fetch(`${url}categories/cat-001`)).text()).includes('From a row'));
    const pid = await serverPid();
    expect(runs(pid)).toBe(true);
    demo.kill('SIGTERM');
    expect(await demo.exit()).toMatchObject({ code: 0, stderr: '' });
    expect(runs(pid)).toBe(false);
    expect(await readdir(folder)).toEqual([]);
  });

  test('SIGKILL leaves nothing behind either', async () => {
    await demo.url();
    const pid = await serverPid();
    demo.kill('SIGKILL');
    await demo.exit();
    await until(() => !runs(pid));
    await until(async () => (await readdir(folder)).length === 0);
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)(
    '%s while Postgres is being made leaves nothing behind',
    async (signal) => {
      await until(async () => {
        const [directory] = await readdir(folder);
        return (
          directory !== undefined &&
          (await readdir(join(folder, directory)).catch((): string[] => [])).includes('data')
        );
      });
      demo.kill(signal);
      expect(await demo.exit()).toMatchObject(signal === 'SIGTERM' ? { code: 0, stderr: '' } : { signal });
      await until(async () => (await readdir(folder)).length === 0);
    },
  );
});
