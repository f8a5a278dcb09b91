export type { PostgresSourceOptions, PostgresWarning } from './replication/options.js';
export { PostgresSource } from './replication/postgres-source.js';
export { preparePostgres } from './replication/prepare.js';
export type { PostgresRow } from './rows/postgres-row.js';
export type { Finding, PostgresReport } from './server/finding.js';
export type { PgConfig } from './server/pg-config.js';
