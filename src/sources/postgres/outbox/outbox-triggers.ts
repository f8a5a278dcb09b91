import { quoteName, quoteTable, quoteText } from '../server/quoting.js';
import { dollarQuoted } from './dollar-quoting.js';
import type { OutboxTable } from './options.js';

export interface WantedTrigger {
  readonly name: string;
  readonly events: string;
  readonly each: 'row' | 'statement';
  /** As pg_trigger writes down when it fires. */
  readonly kind: number;
}

export function wantedTriggers({ names, notify }: OutboxTable): WantedTrigger[] {
  const { row, truncate, notify: wake } = names.triggers;
  const writes = 'insert or update or delete';
  return [
    { name: row, events: writes, each: 'row', kind: 29 },
    { name: truncate, events: 'truncate', each: 'statement', kind: 32 },
    ...(notify ? [{ name: wake, events: writes, each: 'statement', kind: 28 } as const] : []),
  ];
}

/** True for a trigger t that always calls the function. */
export function isWhole(calls: string): string {
  return `(t.tgfoid = ${calls} and t.tgattr::text = '' and t.tgqual is null)`;
}

/** Touches nothing that is as it should be: to drop a trigger makes everybody wait who only reads. */
export function triggerSql(options: OutboxTable): string {
  const { table, names } = options;
  const target = quoteTable(table);
  const calls = `to_regprocedure(${quoteText(`${quoteTable(names.outbox)}()`).trim()})`;
  const found = (name: string) =>
    `exists (select from pg_trigger t where t.tgrelid = to_regclass(${quoteText(target).trim()}) and t.tgname = ${quoteText(name).trim()}`;
  const drop = (name: string) => `if ${found(name)}) then
      drop trigger ${quoteName(name)} on ${target};
    end if;`;
  const wanted = wantedTriggers(options);
  const body = `
begin
  -- Or every write would fail.
  perform seq, at, op, content, transaction from ${quoteTable(names.outbox)} where false;
${wanted
  .map(
    ({ name, events, each, kind }) => `  if not ${found(name)}
      and t.tgtype = ${kind} and ${isWhole(calls)}) then
    ${drop(name)}
    create trigger ${quoteName(name)} after ${events} on ${target}
      for each ${each} execute function ${quoteTable(names.outbox)}();
  end if;
  -- Always: also for what a logical replication writes here.
  alter table ${target} enable always trigger ${quoteName(name)};
`,
  )
  .join('')}${Object.values(names.triggers)
    .filter((name) => !wanted.some((trigger) => trigger.name === name))
    .map((name) => `  ${drop(name).replaceAll('\n  ', '\n')}\n`)
    .join('')}end
`;
  return `do ${dollarQuoted(body)};`;
}
