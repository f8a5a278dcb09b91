import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCodes } from '../../src/errors.js';
import { readModules } from '../support/module-graph.js';

const root = join(__dirname, '../..');
const sections = readFileSync(join(root, 'docs/errors.md'), 'utf8').split(/^## /m).slice(1);

describe('docs/errors.md', () => {
  it('explains every code, each once, in the order of the source, and no other', () => {
    expect(sections.map((section) => section.split('\n')[0])).toEqual([...errorCodes]);
  });

  it.each(sections.map((section) => [section.split('\n')[0], section]))(
    'says of %s what happened and what to do',
    (_code, section) => {
      expect(section).toMatch(/^\*\*What happened\.\*\* \S.{40}/m);
      expect(section).toMatch(/^\*\*What to do\.\*\* \S.{20}/m);
    },
  );
});

describe('the codes', () => {
  it.each(errorCodes)('%s is in use', (code) => {
    const users = [...readModules(join(root, 'src'))].filter(([, text]) => text.includes(`'${code}'`));
    expect(users.map(([module]) => module)).not.toEqual(['errors.ts']);
  });

  it('that the source uses are all known', () => {
    const used = [...readModules(join(root, 'src')).values()].flatMap(
      (text) => text.match(/ERR_PREFETCH_[A-Z_]+/g) ?? [],
    );
    expect([...new Set(used)].sort()).toEqual([...errorCodes].sort());
  });
});
