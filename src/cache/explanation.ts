import type { Entity } from 'redis-om';
import type { DatasetAccess } from './dataset-access.js';
import { type DeadLetter, readDeadLetters } from './dead-letters.js';
import { type Cause, type JournalEntry, journalBackwards } from './journal.js';

/** One thing that was done to a record. */
export interface RecordChange {
  readonly at: string;
  readonly operation: 'upsert' | 'delete';
  readonly cause: Cause;
  /** The name of the worker, or the process, that did it. */
  readonly by: string;
  readonly position: string | null;
}

/** What is known of one record. */
export interface Explanation {
  readonly id: string;
  readonly isPresent: boolean;
  /** In how many seconds it expires unless it is kept alive; null when it is absent. */
  readonly ttlSeconds: number | null;
  /** When the dataset was loaded; null when it is not, and an absent record says nothing. */
  readonly loadedAt: string | null;
  /** The latest first. What the journal has forgotten is not there. */
  readonly changes: readonly RecordChange[];
  /** Changes of this record that could not be applied. */
  readonly deadLetters: readonly DeadLetter[];
}

const changesTold = 10;
const lettersPerPage = 1_000;

/** For people: reads the whole journal if it must. */
export async function explain<T extends Entity>(
  access: DatasetAccess<T>,
  id: string,
  loadedAt: string | null,
): Promise<Explanation> {
  const { keys } = access.dataset;
  const ttlMs = (await access.ask(['PTTL', keys.record(id)])) as number;
  return {
    id,
    isPresent: ttlMs !== -2,
    ttlSeconds: ttlMs === -2 ? null : ttlMs === -1 ? Infinity : ttlMs / 1000,
    loadedAt,
    changes: await changesOf(access, id),
    deadLetters: await lettersOf(access, id),
  };
}

async function changesOf<T extends Entity>(access: DatasetAccess<T>, id: string): Promise<RecordChange[]> {
  const changes: RecordChange[] = [];
  for await (const entry of journalBackwards(access.client, access.dataset.keys)) {
    const operation = operationOn(id, entry);
    if (!operation) continue;
    const { at, cause, by, position } = entry;
    changes.push({ at, operation, cause, by, position });
    if (changes.length === changesTold) break;
  }
  return changes;
}

function operationOn(id: string, { upserts, deletes }: JournalEntry): RecordChange['operation'] | undefined {
  if (upserts.includes(id)) return 'upsert';
  return deletes.includes(id) ? 'delete' : undefined;
}

async function lettersOf<T extends Entity>(access: DatasetAccess<T>, id: string): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = [];
  let page: DeadLetter[];
  let after: string | undefined;
  do {
    page = await readDeadLetters(access.client, access.dataset.keys, { after, limit: lettersPerPage });
    letters.push(...page.filter(({ recordId }) => recordId === id));
    after = page.at(-1)?.id;
  } while (page.length === lettersPerPage);
  return letters;
}
