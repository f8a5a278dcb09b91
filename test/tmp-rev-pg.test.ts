import { setTimeout as pause } from 'node:timers/promises';
import { type Socket, connect, createServer, type AddressInfo } from 'node:net';
import { appendFileSync } from 'node:fs';
import { snapshotOf, type ContractRecord } from './contract/source-reader.js';
import { type TestPostgres, startTestPostgres } from './support/postgres.js';
import { startTcpProxy } from './support/tcp-proxy.js';
import { PostgresTable } from './support/postgres-table.js';

let postgres: TestPostgres;
const say = (...a: unknown[]) => appendFileSync('/tmp/rev-pg/outb.txt', a.map((x) => (typeof x === 'string' ? x : JSON.stringify(x))).join(' ') + '\n');
beforeAll(async () => { postgres = await startTestPostgres(); });
afterAll(async () => { await postgres.stop(); });

/** freeze(): existing connections go silent both ways (like a dropped NAT entry); new ones work. */
async function blackhole(port: number) {
  const pairs: { c: Socket; u: Socket; frozen: boolean; n: number }[] = [];
  const gaps: { n: number; at: number }[] = [];
  const server = createServer((c) => {
    const u = connect(port, '127.0.0.1'); const p = { c, u, frozen: false, n: pairs.length }; pairs.push(p);
    c.on('data', (d) => { if (!p.frozen) u.write(d); }); u.on('data', (d) => { gaps.push({ n: p.n, at: performance.now() }); if (!p.frozen) c.write(d); });
    for (const [a, b] of [[c, u], [u, c]] as const) { a.on('error', () => undefined); a.on('close', () => { if (!p.frozen) b.destroy(); }); }
  }).listen(0, '127.0.0.1');
  await new Promise((r) => server.once('listening', r));
  return { port: (server.address() as AddressInfo).port, gaps, get made() { return pairs.length; }, freeze() { for (const p of pairs) p.frozen = true; }, close() { for (const p of pairs) { p.c.destroy(); p.u.destroy(); } server.close(); } };
}
const url = (port: number) => `postgres://postgres@127.0.0.1:${port}/postgres`;

async function frozenFollow() {
  const hole = await blackhole(postgres.port);
  const items = await PostgresTable.create(postgres, undefined, {});
  await items.run(`insert into $table values ('a','1')`);
  const warnings: string[] = [];
  const session = await items.open({ connection: url(hole.port), heartbeatMs: 1000, onWarning: (w) => warnings.push(w.message) });
  const { position } = await snapshotOf(session);
  const stopping = new AbortController(); let got = 0; let ended: string | undefined;
  const reading = (async () => { for await (const b of session.changes(position, { signal: stopping.signal, maxBatch: 10 })) { got += b.changes.length; await session.acknowledge(b.position); } })().catch((e: unknown) => { ended = String(e); });
  await pause(1500);
  const t = performance.now(); const made = hole.made; hole.freeze();
  await items.run(`insert into $table values ('b','1')`);
  while (performance.now() - t < 100_000 && got === 0 && !ended) await pause(250);
  say('[frozen follow] after', Math.round(performance.now() - t), 'ms got', got, 'ended', ended ?? 'no', 'new connections', hole.made - made, 'warnings', warnings);
  stopping.abort(); await Promise.race([reading, pause(3000)]); hole.close(); await Promise.race([items.close(), pause(2000)]);
}
async function frozenLoad() {
  const hole = await blackhole(postgres.port);
  const items = await PostgresTable.create(postgres, undefined, {});
  await items.run(`insert into $table select n::text,'1' from generate_series(1,20000) n`);
  const session = await items.open({ connection: url(hole.port) });
  const snapshot = await session.snapshot(new AbortController().signal);
  let n = 0; let ended = 'still waiting'; let t = 0;
  void (async () => { for await (const p of snapshot.records) { n += p.length; await pause(20); if (n === 3000) { hole.freeze(); t = performance.now(); } } ended = 'read all'; })().catch((e: unknown) => { ended = String(e); });
  await pause(95_000);
  say('[frozen load]', Math.round(performance.now() - t), 'ms after the line went dead:', ended, 'rows', n);
  hole.close(); await Promise.race([items.close(), pause(2000)]);
}
async function race() {
  const pa = await startTcpProxy(postgres.port); const pb = await startTcpProxy(postgres.port);
  const via = (p: { url: string }) => url(Number(new URL(p.url).port));
  const items = await PostgresTable.create(postgres, undefined, {});
  await items.run(`insert into $table values ('a','1')`);
  const a = await items.open({ connection: via(pa) });
  const { position } = await snapshotOf(a);
  const stop = new AbortController(); let last = position; let n = 0;
  const ra = (async () => { for await (const b of a.changes(position, { signal: stop.signal, maxBatch: 10 })) { n += b.changes.length; last = b.position; if (n >= 1) pa.holdRequests(); await a.acknowledge(b.position); } })().catch(() => undefined);
  await pause(300);
  await items.run(`insert into $table values ('b','1')`);
  while (n < 1) await pause(5);
  await pause(200); // status with the acknowledgement is on its way, and held
  stop.abort(); await ra; await a.close();
  // Redis was set back to `position`; a new session goes on
  const b = await items.open({ connection: via(pb) });
  say('[race] slot', (await items.slotState())?.['confirmed_flush_lsn'], 'active', (await items.slotState())?.['active'], 'A applied to', last, 'resume at', await b.resume(position));
  const watcher = await postgres.client();
  const t0 = (await watcher.query('select clock_timestamp()::text as t')).rows[0].t;
  pb.delayReplies(60);
  const got: unknown[] = []; let ended: string | undefined; const stopB = new AbortController();
  const rb = (async () => { for await (const x of b.changes(position, { signal: stopB.signal, maxBatch: 10 })) got.push(...x.changes.map((c) => ('id' in c ? c.id : c.op))); })().catch((e: unknown) => { ended = String(e); });
  for (let i = 0; i < 3000; i++) { const { rows } = await watcher.query(`select 1 from pg_stat_activity where query like '%as retained%' and query not like '%pg_stat_activity%' and state='idle' and query_start > $1::timestamptz`, [t0]); if (rows.length) break; }
  pa.release();
  await pause(3000); pb.delayReplies(0);
  await items.run(`insert into $table values ('c','1')`);
  await pause(2500);
  say('[race] B was given', got, 'ended', ended ?? 'no', 'table', await items.run('select id from $table'), 'slot', (await items.slotState())?.['confirmed_flush_lsn']);
  stopB.abort(); await rb; await items.close(); await pa.close(); await pb.close();
}
async function silentDecode() {
  const hole = await blackhole(postgres.port);
  const items = await PostgresTable.create(postgres, undefined, {});
  await items.run(`insert into $table values ('a','1')`);
  const session = await items.open({ connection: url(hole.port), heartbeatMs: 5000 });
  const { position } = await snapshotOf(session);
  const stopping = new AbortController(); let got = 0;
  const reading = (async () => { for await (const b of session.changes(position, { signal: stopping.signal, maxBatch: 10 })) got += b.changes.length; })().catch(() => undefined);
  await pause(500);
  await postgres.run('create table elsewhere (n int, t text)');
  const t = performance.now();
  await postgres.run(`insert into elsewhere select n, md5(n::text) from generate_series(1,2000000) n`);
  const committed = performance.now();
  await items.run(`insert into $table values ('b','1')`);
  while (got === 0 && performance.now() - t < 60000) await pause(20);
  const own = hole.gaps.filter(({ n, at }) => n === 1 + 0 || at > t).map(({ at }) => at); let max = 0; for (let i = 1; i < own.length; i++) max = Math.max(max, own[i]! - own[i - 1]!);
  say('[silent decode] 2M foreign rows: insert took', Math.round(committed - t), 'then', Math.round(performance.now() - committed), 'ms until ours; longest silence on all lines', Math.round(max));
  stopping.abort(); await reading; hole.close(); await items.close();
}
it('race', race, 40_000);
it('decode', silentDecode, 90_000);
it('frozen', async () => { await Promise.all([frozenFollow(), frozenLoad()]); }, 130_000);
