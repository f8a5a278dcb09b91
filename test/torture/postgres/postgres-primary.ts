import { type TestPostgres, startTestPostgres } from '../../support/postgres.js';
import { feedFaults } from '../line-faults.js';
import type { Model } from '../model.js';
import type { Primary } from '../primary.js';
import type { Random } from '../random.js';
import { PostgresApplication } from './postgres-application.js';
import { postgresFaults } from './postgres-faults.js';
import { tableFaults } from './table-faults.js';

const slot = 'prefetch_item';

/** A table of a Postgres of its own, followed by logical replication. */
export async function startPostgresPrimary(model: Model, random: Random): Promise<Primary> {
  // The data survive every kill: fsync is off, but what a process has written is with the operating system.
  const server = await startTestPostgres({ wal_sender_timeout: '3s', log_min_messages: 'panic' });
  const hasFullIdentity = random.chance(0.3);
  await makeTables(server, model.ids, hasFullIdentity);
  const options = {
    table: 'item',
    slot,
    heartbeatMs: random.pick([200, 1_000]),
    acknowledgeAfterMs: random.pick([0, 2_000]),
    reconnectWithinMs: random.pick([1_000, 10_000]),
  };
  const pauseMs = random.pick([0, 10, 50]);
  const application = new PostgresApplication(server.url, model, random.fork(), hasFullIdentity);
  return {
    application,
    port: server.port,
    lanes: {
      feed: feedFaults,
      postgres: postgresFaults(server, application),
      table: tableFaults(server, application, slot),
    },
    bouts: [
      ['postgres', 'workers', 'feed'],
      ['table', 'feed'],
    ],
    placeOver: ({ port }) => ({
      kind: 'postgres',
      options: { ...options, connection: `postgres://postgres@127.0.0.1:${port}/postgres` },
      pauseMs,
    }),
    async close() {
      await application.close();
      await server.stop();
    },
  };
}

/** One for the records, one for whose turn it is to write a record, and one for what became of transactions. */
async function makeTables(
  server: TestPostgres,
  ids: readonly string[],
  hasFullIdentity: boolean,
): Promise<void> {
  await server.run(`
    create table item (id text primary key, version bigint not null, name text not null);
    alter table item add column edition text not null default '0';
    alter table item alter column name set storage external;
    alter table item replica identity ${hasFullIdentity ? 'full' : 'default'};
    create table turn (id text primary key);
    create table outcome (token bigint primary key, outcome text not null);
    insert into turn values ${ids.map((id) => `('${id}')`).join(', ')}`);
}
