import { createHash } from 'node:crypto';
import type { TableName } from '../rows/table-options.js';

const mostBytes = 63;
const longestEnding = '_truncate';

/** What the name of an outbox may have, so that there is room for the endings. */
export const mostBytesOfName = mostBytes - longestEnding.length;

/** What belongs to one outbox. All of it is in one schema, and the triggers are on the table. */
export interface OutboxNames {
  /** Of the changes; the function that fills it and the channel have the same name. */
  readonly outbox: TableName;
  /** Who reads it, and how far it was forgotten. */
  readonly state: TableName;
  readonly triggers: { readonly row: string; readonly truncate: string; readonly notify: string };
}

export function outboxNames(outbox: TableName): OutboxNames {
  const { schema, name } = outbox;
  return {
    outbox,
    // At the front: at the end it could be the name of the outbox of another table.
    state: { schema, name: `state_of_${name}` },
    triggers: { row: `${name}_row`, truncate: `${name}_truncate`, notify: `${name}_notify` },
  };
}

export function defaultOutbox({ schema, name }: TableName): TableName {
  const plain = `prefetch_outbox_${name}`;
  if (Buffer.byteLength(plain) <= mostBytesOfName) return { schema, name: plain };
  const mark = createHash('sha256').update(name).digest('hex').slice(0, 8);
  const start = plain.replaceAll(/[^\x21-\x7e]/g, '_').slice(0, mostBytesOfName - mark.length - 1);
  return { schema, name: `${start}_${mark}` };
}
