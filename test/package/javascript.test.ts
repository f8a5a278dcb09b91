import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as library from '../../src/index.js';
import { type TestRedis, startTestRedis, uniquePrefix } from '../support/redis.js';
import { type Consumer, createConsumer } from './packed-package.js';

const peers = { express: 'express', redis: 'redis', 'redis-om': 'redis-om' };
const publicNames = Object.keys(library).sort();
const { version } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as {
  version: string;
};

let redis: TestRedis;

beforeAll(async () => {
  redis = await startTestRedis();
});

afterAll(async () => {
  await redis.stop();
});

describe.each([
  ['commonjs', 'express 5', peers],
  ['commonjs', 'express 4', { ...peers, express: 'express4' }],
  ['esm', 'express 5', peers],
  ['esm', 'express 4', { ...peers, express: 'express4' }],
])('the tarball in a %s project with %s', (project, _express, links) => {
  let consumer: Consumer;

  beforeAll(() => {
    consumer = createConsumer(project, links);
  });

  afterAll(() => {
    consumer.remove();
  });

  it('has the public names, serves a hit and a miss, and ends by itself', async () => {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['main.js', redis.url, uniquePrefix()],
      { cwd: consumer.folder, timeout: 20_000 },
    );
    expect(stderr).toBe('');
    const report = JSON.parse(stdout) as { names: string[] };
    expect(report.names).toEqual(publicNames);
    expect(report).toMatchObject({
      ...(project === 'commonjs' && { version }),
      hit: { status: 200, body: { id: 'cat-001', name: 'Beverages' } },
      miss: { status: 404, body: { outcome: 'miss' } },
    });
  });
});
