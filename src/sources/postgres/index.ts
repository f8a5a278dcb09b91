export type { Finding } from './findings.js';
export type { PgConfig, PostgresSourceOptions, PostgresWarning } from './options.js';
export { PostgresSource } from './postgres-source.js';
export { type PostgresReport, preparePostgres } from './prepare.js';
export type { PostgresRow } from './postgres-row.js';
