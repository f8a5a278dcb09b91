import type { Change, ChangeBatch, SourceLag, SourceSession } from '../../src/index.js';
import { until } from '../support/until.js';

/** What the contract suite keeps in a primary. Versions count up, over all records. */
export interface ContractRecord extends Record<string, unknown> {
  id: string;
  version: string;
}

/** All records that a snapshot gives, and its position. */
export async function snapshotOf(
  session: SourceSession<ContractRecord>,
): Promise<{ records: ContractRecord[]; position: string }> {
  const snapshot = await session.snapshot(new AbortController().signal);
  const records: ContractRecord[] = [];
  for await (const page of snapshot.records) records.push(...page);
  await snapshot.close();
  return { records, position: snapshot.position };
}

export function isCaughtUp({ events, bytes, ms }: SourceLag): boolean {
  return (events ?? bytes ?? ms) === 0;
}

/** Reads changes in the background until it is stopped. */
export function read(session: SourceSession<ContractRecord>, after: string, { maxBatch = 100 } = {}) {
  const stopping = new AbortController();
  const batches: ChangeBatch<ContractRecord>[] = [];
  const reading = (async () => {
    for await (const batch of session.changes(after, { signal: stopping.signal, maxBatch }))
      batches.push(batch);
  })();
  const position = () => batches.findLast(({ complete }) => complete)?.position ?? after;
  return {
    batches,
    get changes(): Change<ContractRecord>[] {
      return batches.flatMap(({ changes }) => changes);
    },
    /** Waits until it has read everything that there is. */
    isIdle: () => until(async () => isCaughtUp(await session.lag(position()))),
    /** Fails when the source does not end its changes in a second. */
    stop: async () => {
      stopping.abort();
      let isOver = false;
      void reading.finally(() => (isOver = true)).catch(() => undefined);
      await until(() => isOver, 1_000);
      await reading;
    },
  };
}

export async function readUntilCaughtUp(
  session: SourceSession<ContractRecord>,
  after: string,
  options?: { maxBatch: number },
): Promise<ChangeBatch<ContractRecord>[]> {
  const reader = read(session, after, options);
  await reader.isIdle();
  await reader.stop();
  return reader.batches;
}

/** What somebody knows who read a snapshot and the changes after it. */
export class Model {
  readonly #records = new Map<string, ContractRecord>();
  /** Changes that brought nothing new: an exact snapshot must hold none of what comes after its position. */
  readonly repeated: Change<ContractRecord>[] = [];

  constructor(records: readonly ContractRecord[]) {
    this.load(records);
  }

  get versions(): Record<string, string> {
    return Object.fromEntries(
      [...this.#records.values()].map(({ id, version }) => [id, version] as const).sort(),
    );
  }

  load(records: readonly ContractRecord[]): void {
    for (const record of records) this.#records.set(record.id, record);
  }

  apply({ changes }: ChangeBatch<ContractRecord>): void {
    for (const change of changes) this.#apply(change);
  }

  /** Applies everything after the position, and gives the position it has reached. */
  async follow(session: SourceSession<ContractRecord>, after: string): Promise<string> {
    const batches = await readUntilCaughtUp(session, after);
    for (const batch of batches) this.apply(batch);
    return batches.at(-1)?.position ?? after;
  }

  #apply(change: Change<ContractRecord>): void {
    switch (change.op) {
      case 'upsert': {
        const known = this.#records.get(change.id);
        const record = (change.partial ? { ...known, ...change.record } : change.record) as ContractRecord;
        if (known && Number(known.version) >= Number(record.version)) this.repeated.push(change);
        this.#records.set(change.id, record);
        return;
      }
      case 'delete':
        if (!this.#records.delete(change.id)) this.repeated.push(change);
        return;
      case 'truncate':
        this.#records.clear();
        return;
      case 'invalid':
        throw new Error(`The source did not understand ${String(change.raw)}: ${change.reason}`);
    }
  }
}
