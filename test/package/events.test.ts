import { execFileSync } from 'node:child_process';
import { type Consumer, createConsumer } from './packed-package.js';

/** Makes a dataset whose Redis is away, so that a lookup is told of without one. */
const setUp = `
const { channel } = require('node:diagnostics_channel');
const { setTimeout: pause } = require('node:timers/promises');
const { createClient } = require('redis');
const { Schema } = require('redis-om');
const client = createClient({ disableOfflineQueue: true }).on('error', () => undefined);
const schema = new Schema('item', { id: { type: 'string' } }, { dataStructure: 'HASH' });
const lookUp = ({ PrefetchCache }) => new PrefetchCache({ client, schema }).get('1').catch(() => undefined);
const heard = [];
`;

let consumer: Consumer;

beforeAll(() => {
  consumer = createConsumer('commonjs', { express: 'express', redis: 'redis', 'redis-om': 'redis-om' });
});

afterAll(() => {
  consumer.remove();
});

function run(main: string): unknown {
  const script = `${setUp}(async () => {${main}})().then(() => console.log(JSON.stringify(heard)));`;
  const options = { cwd: consumer.folder, encoding: 'utf8' } as const;
  return JSON.parse(execFileSync(process.execPath, ['--expose-gc', '-e', script], options));
}

it('reaches listeners in whichever module format, and by the name of the channel', () => {
  const heard = run(`
    const commonjs = require('express-prefetch-cache');
    const esm = await import('express-prefetch-cache');
    commonjs.subscribe(({ type }) => heard.push('commonjs ' + type));
    esm.subscribe(({ type }) => heard.push('esm ' + type));
    channel('express-prefetch-cache:lookup').subscribe(({ type }) => heard.push('name ' + type));
    await lookUp(commonjs);
    await lookUp(esm);
  `);
  expect(heard).toEqual([1, 2].flatMap(() => ['commonjs lookup', 'esm lookup', 'name lookup']));
});

it('is not lost when somebody let go of a channel of the same name before', () => {
  const heard = run(`
    channel('express-prefetch-cache:lookup');
    await pause(10);
    gc();
    const library = require('express-prefetch-cache');
    await pause(100); // in which Node forgets the name, although it is in use again
    library.subscribe(({ type }) => heard.push(type), ['lookup']);
    await lookUp(library);
  `);
  expect(heard).toEqual(['lookup']);
});
