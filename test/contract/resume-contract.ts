import { until } from '../support/until.js';
import type { ContractContext } from './contract-context.js';
import { Model, isCaughtUp, readUntilCaughtUp, snapshotOf } from './source-reader.js';

/** What a source remembers and forgets, and what it says of it. */
export function describeResuming(on: ContractContext): void {
  it('resumes at a position that was acknowledged, with all that came after it', async () => {
    const { model, position } = await on.loaded();
    await on.write('a');
    const batches = await readUntilCaughtUp(on.session, position);
    for (const batch of batches) model.apply(batch);
    const reached = batches.at(-1)!.position;
    await on.session.acknowledge(reached);
    await on.session.close();
    await on.write('b');
    await on.harness.remove('id-3');

    await on.reopen();
    const resumed = await on.session.resume(reached);
    expect(resumed).toEqual({ from: expect.any(String) });
    await model.follow(on.session, (resumed as { from: string }).from);
    expect(model.versions).toEqual(await on.current());
  });

  it('resumes where a snapshot stood that was never acknowledged', async () => {
    const { model, position } = await on.loaded();
    await on.session.close();
    await on.write('b');
    await on.reopen();
    const resumed = await on.session.resume(position);
    expect(resumed).toEqual({ from: expect.any(String) });
    await model.follow(on.session, (resumed as { from: string }).from);
    expect(model.versions).toEqual(await on.current());
  });

  it('does not pretend to know what it has forgotten', async () => {
    const { model, position } = await on.loaded();
    for (let n = 0; n < 10; n++) await on.write(`id-${n}`);
    const batches = await readUntilCaughtUp(on.session, position, { maxBatch: 1 });
    await on.session.acknowledge(batches.at(-1)!.position);
    const resumed = await on.session.resume(position);
    if (on.harness.forgets) {
      expect(resumed).toMatchObject({ reload: 'lost-changes', detail: expect.stringMatching(/\w/) });
    } else {
      expect(resumed).toHaveProperty('from');
      await model.follow(on.session, position);
      expect(model.versions).toEqual(await on.current());
    }
  });

  it('may be acknowledged the same or an earlier position again', async () => {
    const { model, position } = await on.loaded();
    for (let n = 0; n < 5; n++) await on.write(`id-${n}`);
    const batches = await readUntilCaughtUp(on.session, position, { maxBatch: 1 });
    for (const batch of batches) model.apply(batch);
    const complete = batches.filter((batch) => batch.complete).map((batch) => batch.position);
    for (const reached of [complete.at(-1)!, complete.at(-1)!, complete[0]!])
      await on.session.acknowledge(reached);
    await on.write('more');
    await model.follow(on.session, complete.at(-1)!);
    expect(model.versions).toEqual(await on.current());
  });

  it('gives two sessions at once the same changes, though one of them acknowledges', async () => {
    const other = await on.open();
    try {
      const { model, position } = await on.loaded();
      const second = await snapshotOf(other);
      const otherModel = new Model(second.records);
      for (let n = 0; n < 10; n++) await on.write(`id-${n}`);
      const reached = await model.follow(on.session, position);
      await on.session.acknowledge(reached);
      await otherModel.follow(other, second.position);
      expect(otherModel.versions).toEqual(await on.current());
      expect(model.versions).toEqual(otherModel.versions);
    } finally {
      await other.close();
    }
  });

  it('tells how far behind a position is', async () => {
    const { position } = await on.loaded();
    for (let n = 0; n < 3; n++) await on.write(`id-${n}`);
    await until(async () => !isCaughtUp(await on.session.lag(position)));
    for (const value of Object.values(await on.session.lag(position))) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(Number.isFinite(value)).toBe(true);
    }
    const reached = (await readUntilCaughtUp(on.session, position)).at(-1)!.position;
    expect(isCaughtUp(await on.session.lag(reached))).toBe(true);
  });

  it('may be closed twice', async () => {
    await on.session.close();
    await on.session.close();
  });
}
