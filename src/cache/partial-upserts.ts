import type { Entity } from 'redis-om';
import { toPrefetchError } from '../redis/failure.js';
import type { Change } from './change.js';
import type { DatasetAccess } from './dataset-access.js';
import { RecordReader } from './record-reader.js';

type PartialUpsert<T> = Extract<Change<T>, { partial: true }>;

/** The cached records that changes with only some fields are to be merged into. */
export async function basesOf<T extends Entity>(
  changes: readonly Change<T>[],
  access: DatasetAccess<T>,
): Promise<Map<string, T | undefined>> {
  const ids = [...new Set(changes.filter(isPartial).map(({ id }) => id))];
  if (ids.length === 0) return new Map();
  const reader = new RecordReader(access.client, access.dataset, await access.storage());
  const baseOf = async (id: string) => [id, await readBase(reader, id)] as const;
  return access.writer.patiently(async () => new Map(await Promise.all(ids.map(baseOf))));
}

export function merged<T extends Entity>(base: T | undefined, change: PartialUpsert<T>): T | undefined {
  return base && { ...base, ...change.record, id: change.id };
}

function isPartial<T>(change: Change<T>): change is PartialUpsert<T> {
  return change.op === 'upsert' && change.partial === true;
}

async function readBase<T extends Entity>(reader: RecordReader<T>, id: string): Promise<T | undefined> {
  try {
    return await reader.read(id);
  } catch (error) {
    const failure = toPrefetchError(error);
    const isUnusable =
      failure.code === 'ERR_PREFETCH_WRONG_TYPE' || failure.code === 'ERR_PREFETCH_UNREADABLE_RECORD';
    if (isUnusable) return undefined;
    throw failure;
  }
}
