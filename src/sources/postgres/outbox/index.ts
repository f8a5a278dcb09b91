export type { OutboxSourceOptions, OutboxSqlOptions, OutboxWarning } from './options.js';
export { outboxRemovalSql, outboxSql } from './outbox-sql.js';
export { OutboxSource } from './outbox-source.js';
export { prepareOutbox } from './prepare.js';
export type { PostgresRow } from '../rows/postgres-row.js';
export type { Finding, PostgresReport } from '../server/finding.js';
export type { PgConfig } from '../server/pg-config.js';
