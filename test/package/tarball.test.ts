import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Consumer, createConsumer } from './packed-package.js';

describe('the tarball', () => {
  let consumer: Consumer;
  let files: string[];

  beforeAll(() => {
    consumer = createConsumer('esm', {});
    files = readdirSync(consumer.installed, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(consumer.installed.length + 1));
  });

  afterAll(() => {
    consumer.remove();
  });

  it('holds the library in both formats, and what a reader needs', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'docs/errors.md',
        'dist/cjs/index.d.ts',
        'dist/cjs/index.js',
        'dist/cjs/package.json',
        'dist/cjs/sources/debezium/index.js',
        'dist/cjs/sources/kafka/index.js',
        'dist/cjs/sources/memory/index.js',
        'dist/cjs/sources/postgres/index.js',
        'dist/cjs/sources/postgres/outbox/index.js',
        'dist/cjs/sources/redis-stream/index.js',
        'docs/sources/debezium.md',
        'docs/sources/kafka.md',
        'docs/sources/outbox.md',
        'docs/sources/postgres.md',
        'docs/sources/redis-stream.md',
        'dist/esm/index.d.ts',
        'dist/esm/index.js',
        'dist/esm/sources/memory/index.js',
        'package.json',
      ]),
    );
  });

  it('holds no sample app, no tests, no sources and no maps', () => {
    const strays = files.filter(
      (file) =>
        /demo|\.test\.|\.map$/.test(file) ||
        !/^(dist\/(esm|cjs)|docs)\/|^[A-Za-z]+(\.md|\.json)?$/.test(file),
    );
    expect(strays).toEqual([]);
    expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([]);
  });

  it('names no folder of the machine that built it', () => {
    const root = join(__dirname, '../..');
    const naming = files.filter((file) => {
      const text = readFileSync(join(consumer.installed, file), 'utf8');
      return text.includes(root) || text.includes('sourceMappingURL');
    });
    expect(naming).toEqual([]);
  });

  it('has in CommonJS what it has in ESM', () => {
    const of = (format: string) =>
      files
        .filter((file) => file.startsWith(`dist/${format}/`))
        .map((file) => file.slice(`dist/${format}/`.length));
    expect(
      of('cjs')
        .filter((file) => file !== 'package.json')
        .sort(),
    ).toEqual(of('esm').sort());
  });
});
