import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where a private server keeps its data beyond its end, and copies of them. */
export interface DataFiles {
  /** Options for the server. */
  readonly args: readonly string[];
  copy(): Promise<{ file: string }>;
  /** What the server will find when it starts: a copy, or nothing. */
  replace(file?: string): Promise<void>;
  remove(): Promise<void>;
}

export async function makeDataFiles(): Promise<DataFiles> {
  const directory = await mkdtemp(join(tmpdir(), 'prefetch-redis-data-'));
  const data = join(directory, 'dump.rdb');
  let copies = 0;
  return {
    args: ['--dir', directory, '--dbfilename', 'dump.rdb'],
    async copy() {
      const file = join(directory, `copy-${++copies}.rdb`);
      await copyFile(data, file);
      return { file };
    },
    async replace(file) {
      if (file === undefined) await rm(data, { force: true });
      else await copyFile(file, data);
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
