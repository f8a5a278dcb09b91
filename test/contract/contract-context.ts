import type { ChangeSource, SourceSession } from '../../src/index.js';
import { type ContractRecord, Model, snapshotOf } from './source-reader.js';

/** A source under test, and the primary behind it. */
export interface SourceHarness {
  readonly source: ChangeSource<ContractRecord>;
  /** True when acknowledging a position makes the source forget what came before. */
  readonly forgets: boolean;
  /** Adds or replaces the record in the primary. */
  write(record: ContractRecord): unknown;
  remove(id: string): unknown;
  truncate(): unknown;
  /** All records of the primary now. */
  contents(): Promise<readonly ContractRecord[]> | readonly ContractRecord[];
  close(): unknown;
}

/** A primary with 25 records, and a session with its source: a new one for every test. */
export class ContractContext {
  version = 0;
  readonly #stop = new AbortController();
  #current: { harness: SourceHarness; session: SourceSession<ContractRecord> } | undefined;

  constructor(makeHarness: () => Promise<SourceHarness> | SourceHarness) {
    beforeEach(async () => {
      const harness = await makeHarness();
      for (let n = 0; n < 25; n++) await harness.write({ id: `id-${n}`, version: String(++this.version) });
      this.#current = { harness, session: await harness.source.open(this.signal) };
    });

    afterEach(async () => {
      await this.session.close();
      await this.harness.close();
    });

    afterAll(() => {
      this.#stop.abort();
    });
  }

  get harness(): SourceHarness {
    return this.#current!.harness;
  }

  get session(): SourceSession<ContractRecord> {
    return this.#current!.session;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  open(): Promise<SourceSession<ContractRecord>> {
    return this.harness.source.open(this.signal);
  }

  async reopen(): Promise<void> {
    this.#current = { harness: this.harness, session: await this.open() };
  }

  async write(id: string): Promise<void> {
    await this.harness.write({ id, version: String(++this.version) });
  }

  async loaded(): Promise<{ model: Model; position: string }> {
    const snapshot = await snapshotOf(this.session);
    return { model: new Model(snapshot.records), position: snapshot.position };
  }

  async current(): Promise<Record<string, string>> {
    return new Model(await this.harness.contents()).versions;
  }
}
