import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** Finds redis-server, or else valkey-server, on the PATH. */
export async function findServerBinary(path = process.env['PATH']): Promise<string | undefined> {
  const directories = (path ?? '').split(delimiter).filter((directory) => directory !== '');
  for (const name of ['redis-server', 'valkey-server']) {
    for (const directory of directories) {
      const file = join(directory, name);
      if (await isExecutable(file)) return file;
    }
  }
  return undefined;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
