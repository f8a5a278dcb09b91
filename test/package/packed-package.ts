import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const root = join(__dirname, '../..');

/** A project in a folder of its own, with the packed package installed in it as npm would. */
export interface Consumer {
  readonly folder: string;
  /** Where the installed package is. */
  readonly installed: string;
  remove(): void;
}

/**
 * @param project a folder of `consumers/`
 * @param links packages in its node_modules, by name, and the name by which this repository has them
 */
export function createConsumer(project: string, links: Readonly<Record<string, string>>): Consumer {
  const folder = mkdtempSync(join(tmpdir(), 'prefetch-consumer-'));
  const installed = join(folder, 'node_modules/express-prefetch-cache');
  cpSync(join(__dirname, 'consumers', project), folder, { recursive: true });
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', pack(folder), '-C', installed, '--strip-components=1']);
  for (const [name, ours] of Object.entries(links)) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', ours), link);
  }
  return {
    folder,
    installed,
    remove: () => {
      rmSync(folder, { recursive: true });
    },
  };
}

function pack(folder: string): string {
  if (!existsSync(join(root, 'dist/cjs/index.js'))) throw new Error('dist/ is missing: npm run build');
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    stdio: 'ignore',
  });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack made no tarball.');
  return join(folder, tarball);
}
