import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { composeFile } from '../support/compose-file.js';
import { DebeziumTable } from '../support/debezium-table.js';
import { describeOnPostgres } from '../support/describe-on-postgres.js';
import { type TestPostgres, startTestPostgres } from '../support/postgres.js';
import { type TestRedis, startTestRedis } from '../support/redis.js';
import { until } from '../support/until.js';

const { services, configs } = composeFile;

interface Row extends Record<string, unknown> {
  id: string;
  name: string;
  display_order: number;
  featured: boolean;
  parent_id: string;
}

/** The worker of the profile debezium, where the image has it: inside of the package. */
describeOnPostgres('the worker beside Debezium Server', () => {
  let redis: TestRedis;
  let postgres: TestPostgres;
  let worker: ChildProcess;
  let url: string;
  let output = '';
  let debezium: DebeziumTable<Row>;

  beforeAll(async () => {
    [redis, postgres] = await Promise.all([startTestRedis({ private: true }), startTestPostgres()]);
    await postgres.run(configs['category-table']?.content ?? '');
    debezium = new DebeziumTable<Row>(await redis.client(), 'shop.public.category', 'extended');
    for (const row of await postgres.run('select * from category')) debezium.change(row as Row);
    const script = configs['debezium-worker']?.content ?? '';
    worker = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: join(__dirname, '../..'),
      env: { PATH: process.env['PATH'], REDIS_URL: redis.url, DATABASE_URL: postgres.url, PORT: '0' },
    });
    for (const stream of [worker.stdout, worker.stderr]) {
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    url = `http://127.0.0.1:${await said(/^Listening on port (\d+)$/m)}`;
  });

  afterAll(async () => {
    worker.kill('SIGKILL');
    await Promise.all([redis.stop(), postgres.stop()]);
  });

  /** Waits until the worker has said it. */
  async function said(pattern: RegExp): Promise<string> {
    const found = await until(() => {
      if (worker.exitCode !== null) throw new Error(`It ended:\n${output}`);
      return pattern.exec(output);
    }, 20_000);
    return found[1] ?? '';
  }

  const category = async (id: string) => {
    const answer = await fetch(`${url}/categories/${id}`);
    return { status: answer.status, body: await answer.json() };
  };

  test('loads the table, and answers from Redis', async () => {
    await said(/^Loaded 5$/m);
    const body = { id: 'cat-005', name: 'Specialty Cheeses', display_order: 5, featured: false };
    expect(await category('cat-005')).toEqual({ status: 200, body: { ...body, parent_id: 'cat-002' } });
    expect(await category('cat-006')).toMatchObject({ status: 404 });
  });

  test('follows what Debezium writes into the stream', async () => {
    const row = { id: 'cat-006', name: 'Tea', display_order: 6, featured: true, parent_id: 'cat-001' };
    await debezium.write(row);
    await debezium.remove('cat-001');
    await until(async () => (await category('cat-001')).status === 404);
    expect(await category('cat-006')).toEqual({ status: 200, body: row });
    expect(output).toMatch(/^upsert cat-006\ndelete cat-001$/m);
  });

  test('loads the table anew when Debezium begins a snapshot', async () => {
    await postgres.run(`update category set name = 'Bread' where id = 'cat-002'`);
    await debezium.takeSnapshot();
    await said(/^Loaded (?=5)[^]*^Loaded (?=5)/m);
    expect(await category('cat-001')).toMatchObject({ status: 200 });
    expect(await category('cat-002')).toMatchObject({ body: { name: 'Bread' } });
  });

  test('is healthy by the check of its service', async () => {
    const [, program = '', ...args] = services['debezium-worker']?.healthcheck?.test ?? [];
    const here = args.map((arg) => arg.replace('http://127.0.0.1:8784', url));
    expect(here).not.toEqual(args);
    await promisify(execFile)(program, here);
    const gone = args.map((arg) => arg.replace(':8784', ':1'));
    await expect(promisify(execFile)(program, gone)).rejects.toMatchObject({ code: 1 });
  });

  test('ends with 0 when it is told to stop', async () => {
    const ended = once(worker, 'exit');
    worker.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });
});
