import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Consumer, createConsumer } from './packed-package.js';

const { exports: entries } = JSON.parse(readFileSync(join(__dirname, '../../package.json'), 'utf8')) as {
  exports: Record<string, unknown>;
};
const subpaths = Object.keys(entries).filter((entry) => entry !== './package.json');

describe.each([
  ['commonjs', (name: string) => `Promise.resolve(require('${name}'))`],
  ['esm', (name: string) => `import('${name}')`],
])('a %s project without pg and without a Kafka client', (project, load) => {
  let consumer: Consumer;

  beforeAll(() => {
    consumer = createConsumer(project, { express: 'express', redis: 'redis', 'redis-om': 'redis-om' });
  });

  afterAll(() => {
    consumer.remove();
  });

  it.each(subpaths)('loads %s', (subpath) => {
    const name = `express-prefetch-cache${subpath.slice(1)}`;
    const script = `${load(name)}.then((loaded) => console.log(Object.keys(loaded).length))`;
    const exported = execFileSync(process.execPath, ['-e', script], {
      cwd: consumer.folder,
      encoding: 'utf8',
    });
    expect(Number(exported)).toBeGreaterThan(0);
  });
});
