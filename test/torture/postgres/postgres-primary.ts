import type { PrimaryPlace } from '../../support/worker-sources.js';
import { type TestPostgres, startTestPostgres } from '../../support/postgres.js';
import type { Faults } from '../fault.js';
import { feedFaults } from '../line-faults.js';
import type { Model } from '../model.js';
import type { Primary } from '../primary.js';
import type { Random } from '../random.js';
import { ask, comesTrue } from './patient-server.js';
import { PostgresApplication } from './postgres-application.js';
import { postgresFaults } from './postgres-faults.js';
import { slotFaults, tableFaults, triggerFaults } from './table-faults.js';

const slot = 'prefetch_item';

/** A table of a Postgres of its own, and whatever follows it. */
interface Followed {
  /** What only this way of following can suffer. */
  readonly faults: (server: TestPostgres, application: PostgresApplication) => Faults;
  /** True when it is settled where a load stands, and perhaps nothing of it has been read. */
  readonly loadHasBegun: (server: TestPostgres) => Promise<boolean>;
  readonly place: (options: CommonOptions, pauseMs: number) => PrimaryPlace;
}

interface CommonOptions {
  readonly connection: string;
  readonly table: string;
  readonly heartbeatMs: number;
  readonly acknowledgeAfterMs: number;
  readonly reconnectWithinMs: number;
}

const replication: Followed = {
  faults: (server) => slotFaults(server, slot),
  async loadHasBegun(server) {
    const where = 'temporary and confirmed_flush_lsn is not null';
    return (await ask(server, `select 1 from pg_replication_slots where ${where}`)).length > 0;
  },
  place: (options, pauseMs) => ({ kind: 'postgres', options: { ...options, slot }, pauseMs }),
};

const outbox: Followed = {
  faults: triggerFaults,
  async loadHasBegun(server) {
    const where = `query like 'fetch %' or query like 'declare %'`;
    return (await ask(server, `select 1 from pg_stat_activity where ${where}`)).length > 0;
  },
  place: (options, pauseMs) => ({ kind: 'outbox', options, pauseMs }),
};

/** Followed by logical replication. */
export const startReplicatedPrimary = (model: Model, random: Random) =>
  startPrimary(replication, model, random);

/** Followed by an outbox. */
export const startOutboxPrimary = (model: Model, random: Random) => startPrimary(outbox, model, random);

async function startPrimary(followed: Followed, model: Model, random: Random): Promise<Primary> {
  // The data survive every kill: fsync is off, but what a process has written is with the operating system.
  const server = await startTestPostgres({ wal_sender_timeout: '3s', log_min_messages: 'panic' });
  const hasFullIdentity = random.chance(0.3);
  await makeTables(server, model.ids, hasFullIdentity);
  const options = {
    table: 'item',
    heartbeatMs: random.pick([200, 1_000]),
    acknowledgeAfterMs: random.pick([0, 2_000]),
    reconnectWithinMs: random.pick([1_000, 10_000]),
  };
  const pauseMs = random.pick([0, 10, 50]);
  const application = new PostgresApplication(server.url, model, random.fork(), hasFullIdentity);
  const hasBegun = () => comesTrue(() => followed.loadHasBegun(server));
  const faults = { ...tableFaults(application, hasBegun), ...followed.faults(server, application) };
  return {
    application,
    port: server.port,
    lanes: {
      feed: feedFaults,
      postgres: postgresFaults(server, application),
      table: { longestPauseMs: 2_500, faults },
    },
    bouts: [
      ['postgres', 'workers', 'feed'],
      ['table', 'feed'],
    ],
    placeOver({ port }) {
      const connection = `postgres://postgres@127.0.0.1:${port}/postgres`;
      return followed.place({ ...options, connection }, pauseMs);
    },
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
