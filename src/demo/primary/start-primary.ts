import { type Category, generatedCategories, sampleCategories } from '../category.js';
import type { DemoOptions } from '../options.js';
import { EmbeddedPostgres } from '../postgres-server/embedded-postgres.js';
import { NoPostgresError } from '../postgres-server/no-postgres-error.js';
import { tableName } from './category-table.js';
import { InMemory } from './in-memory.js';
import { InPostgres } from './in-postgres.js';
import { PrimaryUnavailableError } from './primary-unavailable-error.js';
import type { Primary } from './primary.js';

export interface StartedPrimary {
  readonly primary: Primary;
  /** Which it is, in one line without a password. */
  readonly note: string;
}

/**
 * Starts or finds the primary that was asked for.
 *
 * @throws NoPostgresError
 */
export async function startPrimary(
  options: Pick<DemoOptions, 'primary' | 'layout' | 'records' | 'primaryLatencyMs'>,
  projectDirectory: string,
  warn: (line: string) => void,
): Promise<StartedPrimary> {
  const { primary: wanted, layout, records: count, primaryLatencyMs } = options;
  const records: Iterable<Category> =
    count === undefined ? sampleCategories(layout) : generatedCategories(layout, count);
  switch (wanted.kind) {
    case 'memory':
      return {
        primary: new InMemory(layout, records, primaryLatencyMs),
        note: 'in the memory of this process',
      };
    case 'embedded': {
      const server = await EmbeddedPostgres.start(projectDirectory);
      try {
        const primary = await InPostgres.open({
          ...{ layout, records, warn, server, connection: server.connection },
          farewell: () => server.stop(),
        });
        const { host, user } = server.connection;
        return { primary, note: `an embedded Postgres; to look inside: psql -h ${host} -U ${user}` };
      } catch (error) {
        await server.stop();
        throw error;
      }
    }
    case 'given': {
      const connection = { connectionString: wanted.url };
      const opening = InPostgres.open({ layout, records, warn, server: {}, connection });
      const primary = await opening.catch((cause: unknown) => {
        const why = cause instanceof PrimaryUnavailableError ? cause.reason : (cause as Error).message;
        const which = `given by ${wanted.by}, ${shown(wanted.url)},`;
        throw new NoPostgresError(`The Postgres ${which} cannot be used: ${why}`, { cause });
      });
      const kept = primary.found > 0 ? `, with the ${primary.found} rows that it had already` : '';
      return { primary, note: `${shown(wanted.url)}, given by ${wanted.by}, table ${tableName}${kept}` };
    }
  }
}

/** Without the password, and without parameters, among which may be one. */
function shown(url: string): string {
  const { protocol, username, host, pathname } = new URL(url);
  return `${protocol}//${username === '' ? '' : `${username}@`}${host}${pathname}`;
}
