import { timeOf } from '../../redis/streams/entry-id.js';
import type { StreamEntry } from '../../redis/streams/stream-entry.js';
import type { Change } from '../../sync/source.js';
import { changesOf, idIn, invalid } from './changes-of.js';
import type { DecodeSettings } from './decode-options.js';
import { Garbage, shown } from './garbage.js';
import type { Message } from './message.js';
import { rowEventOf } from './row-event.js';
import { pairsOf } from './stream-message.js';

const operations: Readonly<Record<string, 'upsert' | 'delete' | 'truncate'>> = {
  c: 'upsert',
  u: 'upsert',
  r: 'upsert',
  create: 'upsert',
  insert: 'upsert',
  update: 'upsert',
  read: 'upsert',
  d: 'delete',
  delete: 'delete',
  t: 'truncate',
  truncate: 'truncate',
};

/** What an entry of Redis Data Integration says: a row as flat text, and `op_code`. It tells no source position. */
export function decodeIntegrationEntry<R>(entry: StreamEntry, settings: DecodeSettings<R>): Change<R>[] {
  try {
    const event = rowEventOf(messageIn(entry), settings);
    return event ? changesOf(event, settings) : [];
  } catch (error) {
    const [id, fields] = entry;
    return [
      invalid(
        { id, fields },
        error,
        idIn(() => messageIn(entry), settings),
      ),
    ];
  }
}

/** @throws Garbage */
function messageIn([id, fields]: StreamEntry): Message {
  const { op_code: code, ...row } = Object.fromEntries(pairsOf(fields));
  if (code === undefined) throw new Garbage('there is no field op_code');
  const word = code.toLowerCase();
  const op = Object.hasOwn(operations, word) ? operations[word] : undefined;
  if (op === undefined) throw new Garbage(`the op_code ${shown(code)} is unknown`);
  const nothing = { key: undefined, before: undefined, position: undefined, snapshot: undefined };
  return { op, row, columns: new Map(), tellsDeletions: true, timestampMs: timeOf(id), ...nothing };
}
