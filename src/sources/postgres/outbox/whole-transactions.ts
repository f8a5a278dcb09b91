import type { PgClient } from '../server/pg-client.js';
import { quoteTable } from '../server/quoting.js';
import type { OutboxNames } from './outbox-names.js';
import type { OutboxRow } from './outbox-row.js';

/** Some rows to be handed on, and from which number on others are left for later; undefined when none are. */
interface Part {
  readonly rows: readonly OutboxRow[];
  readonly heldFrom: number | undefined;
}

/**
 * Leaves out the rows of transactions of which more is to come, so that nobody sees what a transaction did only for the
 * meantime, such as deleting a row and inserting it anew. What others wrote to the same rows came before these
 * transactions, or has larger numbers than all that they wrote. A transaction that does not fit comes in parts.
 *
 * @param rows the first ones that there are
 */
export async function wholeTransactions(
  client: PgClient,
  { outbox }: OutboxNames,
  rows: readonly OutboxRow[],
): Promise<Part> {
  const unfinished = await unfinishedAt(client, quoteTable(outbox), rows);
  const held = rows.filter(({ transaction }) => unfinished.has(transaction));
  if (held.length === rows.length) return { rows, heldFrom: undefined };
  return {
    rows: rows.filter(({ transaction }) => !unfinished.has(transaction)),
    heldFrom: held[0]?.seq,
  };
}

async function unfinishedAt(
  client: PgClient,
  outbox: string,
  rows: readonly OutboxRow[],
): Promise<ReadonlySet<string>> {
  const transactions = [...new Set(rows.map(({ transaction }) => transaction))];
  const { rows: found } = await client.query({
    name: 'prefetch-outbox-unfinished',
    text: `
      select id from unnest($1::xid8[]) as id
      where exists (select from ${outbox} o where o.transaction = id and o.seq > $2)`,
    values: [transactions, rows.at(-1)?.seq ?? 0],
    rowMode: 'array',
  });
  return new Set(found.map(([id]) => id ?? ''));
}
