import { join } from 'node:path';
import { brokenRules } from '../support/house-rules.js';
import { circlesIn, importsOf, readModules } from '../support/module-graph.js';

const source = join(__dirname, '../../src');

describe('the rooms of src', () => {
  const modules = readModules(source);
  const imports = importsOf(modules);

  it('are read with their imports', () => {
    expect(modules.size).toBeGreaterThan(20);
    expect(imports).toContainEqual({
      from: 'redis/om-batch.ts',
      to: 'redis-om',
      kind: 'package',
      typeOnly: false,
    });
    const missing = imports.filter(({ kind, to }) => kind === 'module' && !modules.has(to));
    expect(missing).toEqual([]);
  });

  it('import down the floors only, and only what belongs there', () => {
    expect(brokenRules(imports)).toEqual([]);
  });

  it('import nothing in a circle', () => {
    expect(circlesIn(imports)).toEqual([]);
  });
});

function rulesBrokenBy(from: string, text: string): string[] {
  return brokenRules(importsOf(new Map([[from, text]])));
}

describe('the rules', () => {
  it.each([
    ['cache/reader.ts', "import { SyncWorker } from '../sync/sync-worker.js';", /down the floors/],
    ['express/lookup.ts', "import type { ChangeSource } from '../sync/source.js';", /down the floors/],
    ['express/lookup.ts', "import { MemoryPrimary } from '../sources/memory/index.js';", /down the floors/],
    ['sync/worker.ts', "export { prefetchLookup } from '../express/prefetch-lookup.js';", /down the floors/],
    ['redis/keys.ts', "const later = () => import('../cache/dataset.js');", /down the floors/],
    ['errors.ts', "export type Problem = import('./express/problem.js').Problem;", /down the floors/],
    ['cache/reader.ts', "import { PrefetchCache } from '../index.js';", /down the floors/],
    ['sources/kafka/feed.ts', "import { parse } from '../debezium/envelope.js';", /another/],
    ['sources/loading/feed.ts', "import { parse } from '../debezium/envelope.js';", /another/],
    ['sources/memory/feed.ts', "import { SyncWorker } from '../../sync/sync-worker.js';", /down the floors/],
    ['demo/routes.ts', "import { Keys } from '../redis/keys.js';", /public entry/],
    ['demo/page/main.ts', "import { PrefetchCache } from '../../index.js';", /the page/],
    ['demo/page/main.ts', "import { readFileSync } from 'node:fs';", /browser/],
    ['cache/reader.ts', "import { Repository } from 'redis-om';", /only its types/],
    ['express/lookup.ts', "import express from 'express';", /only its types/],
    ['express/lookup.ts', "import express, { type Request } from 'express';", /only its types/],
    ['express/lookup.ts', "import { type Request } from 'express';", /only its types/],
    ['redis/client.ts', "const lodash = require('lodash');", /not allowed/],
    ['sources/memory/feed.ts', "import pg from 'pg';", /not allowed/],
    ['sources/postgres/feed.ts', "import { createClient } from 'redis';", /not allowed/],
    ['events.ts', "import 'redis';", /no package/],
  ])('refuse in %s: %s', (from, text, why) => {
    expect(rulesBrokenBy(from, text)).toEqual([expect.stringMatching(why)]);
  });

  it.each([
    ['cache/reader.ts', "import { Keys } from '../redis/keys.js';"],
    ['sources/memory/feed.ts', "import { pagesOf } from '../loading/snapshot-function.js';"],
    ['sources/memory/feed.ts', "import type { ChangeSource } from '../../sync/source.js';"],
    ['express/lookup.ts', "import type { Request } from 'express';"],
    ['sources/postgres/client.ts', "const pg = await import('pg');"],
    [
      'demo/main.ts',
      "import { MemoryPrimary } from '../sources/memory/index.js';\nimport helmet from 'helmet';",
    ],
    ['index.ts', "export { prefetchLookup } from './express/prefetch-lookup.js';"],
  ])('allow in %s: %s', (from, text) => {
    expect(rulesBrokenBy(from, text)).toEqual([]);
  });

  it('want a floor for every room', () => {
    expect(() => rulesBrokenBy('attic/box.ts', "import { Keys } from '../redis/keys.js';")).toThrow(/floor/);
  });

  it('see a circle, through types too', () => {
    const modules = new Map([
      ['a.ts', "import { b } from './b.js';"],
      ['b.ts', "import type { C } from './c.js';"],
      ['c.ts', "export * from './a.js';"],
      ['d.ts', "import './a.js';"],
    ]);
    expect(circlesIn(importsOf(modules))).toEqual(['a.ts → b.ts → c.ts → a.ts']);
  });
});
