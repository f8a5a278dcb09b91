import { Diary } from '../torture/diary.js';
import { Judge } from '../torture/judge.js';
import { Model, nameAt, recordOf } from '../torture/model.js';
import { Verdict } from '../torture/verdict.js';

const id = 'item-00000';
const none = 'changes N, lost 0, backwards 0, resurrected 0, false-404 0, without-ttl 0, hung 0';

let model: Model;
let verdict: Verdict;
let judge: Judge;

beforeEach(() => {
  jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  model = new Model(2);
  verdict = new Verdict(new Diary());
  judge = new Judge(model, verdict);
});
afterEach(() => {
  jest.restoreAllMocks();
});

function upserted(): number {
  return Number(model.upsert(id).version);
}

function isHit(version: number): void {
  judge.hit(judge.question(id), recordOf(id, version));
}

function isMissed(): void {
  judge.miss(judge.question(id));
}

function counted(): string {
  return verdict.line(0).replace('changes 0', 'changes N');
}

describe('the judge of the torture', () => {
  it('finds nothing in answers that grow old only', () => {
    isMissed();
    const first = upserted();
    isMissed();
    isHit(first);
    isHit(first);
    const second = upserted();
    isHit(first);
    model.delete(id);
    isHit(second);
    isMissed();
    isMissed();
    isHit(upserted());
    expect(counted()).toBe(none);
    expect(verdict.isClean).toBe(true);
  });

  it('sees an older state than one that was seen', () => {
    const [first, second] = [upserted(), upserted()];
    isHit(second);
    isHit(first);
    expect(counted()).toBe(none.replace('backwards 0', 'backwards 1'));
    expect(verdict.isClean).toBe(false);
  });

  it('does not mind an older state in an answer to what was asked before', () => {
    const first = upserted();
    const asked = judge.question(id);
    isHit(upserted());
    judge.hit(asked, recordOf(id, first));
    expect(counted()).toBe(none);
  });

  it('sees a record that comes back after it was gone', () => {
    const first = upserted();
    isHit(first);
    model.delete(id);
    isMissed();
    isHit(first);
    expect(counted()).toBe(none.replace('resurrected 0', 'resurrected 1'));
  });

  it('sees that a record came back whose second absence was seen', () => {
    upserted();
    model.delete(id);
    const second = upserted();
    isHit(second);
    model.delete(id);
    const third = upserted();
    isMissed();
    isHit(second);
    isHit(third);
    expect(counted()).toBe(none.replace('resurrected 0', 'resurrected 1'));
  });

  it('sees a 404 for a record that was there all the time', () => {
    isHit(upserted());
    upserted();
    isMissed();
    expect(counted()).toBe(none.replace('false-404 0', 'false-404 1'));
  });

  it('sees a 404 for a record that nobody has seen yet, when it was there at the beginning', () => {
    upserted();
    judge.begin();
    isMissed();
    expect(counted()).toBe(none.replace('false-404 0', 'false-404 1'));
  });

  it('sees a 404 for an absence that was over when a later state was seen', () => {
    model.delete(id);
    isHit(upserted());
    isMissed();
    expect(counted()).toBe(none.replace('false-404 0', 'false-404 1'));
  });

  it('sees what was never in the primary', () => {
    const first = upserted();
    isHit(first + 1);
    judge.hit(judge.question(id), { ...recordOf(id, first), name: 'something else' });
    model.delete(id);
    isHit(first + 1);
    expect(counted()).toBe(none.replace('lost 0', 'lost 3'));
  });

  it('takes a truncate for an absence of all that were there', () => {
    isHit(upserted());
    model.truncate([id]);
    isMissed();
    isHit(Number(model.records().get(id)?.version));
    expect(model.changes).toBe(3);
    expect(counted()).toBe(none);
  });

  it('forgets what was seen when Redis was set back, and judges nothing meanwhile', async () => {
    const first = upserted();
    judge.begin();
    const [second, before] = [upserted(), judge.question(id)];
    isHit(second);
    await judge.setBack(async () => {
      isHit(first);
      await Promise.resolve();
    });
    judge.miss(before);
    isHit(first);
    isHit(second);
    expect(counted()).toBe(none);
    isHit(first);
    expect(counted()).toBe(none.replace('backwards 0', 'backwards 1'));
  });
});

describe('what a transaction is about to commit', () => {
  function proposed(isPresent: boolean): { version: number; settle: (hasComeToBe: boolean) => void } {
    const version = model.nextVersion();
    return { version, settle: model.propose([{ id, version, isPresent }]) };
  }

  it('may be seen before its end is known, and nothing older afterwards', async () => {
    const first = upserted();
    const { version, settle } = proposed(true);
    isHit(first);
    isHit(version);
    settle(true);
    await Promise.resolve();
    expect(counted()).toBe(none);
    expect(model.changes).toBe(2);
    isHit(first);
    expect(counted()).toBe(none.replace('backwards 0', 'backwards 1'));
  });

  it('must not have been seen if it was lost', async () => {
    upserted();
    const { version, settle } = proposed(true);
    isHit(version);
    settle(false);
    await Promise.resolve();
    expect(counted()).toBe(none.replace('lost 0', 'lost 1'));
  });

  it('must not have been seen as an absence if it was lost', async () => {
    isHit(upserted());
    const { settle } = proposed(false);
    isMissed();
    expect(counted()).toBe(none);
    settle(false);
    await Promise.resolve();
    expect(counted()).toBe(none.replace('false-404 0', 'false-404 1'));
  });

  it('is forgotten if it was lost', async () => {
    const first = upserted();
    const { version, settle } = proposed(true);
    settle(false);
    await Promise.resolve();
    isHit(first);
    expect(counted()).toBe(none);
    expect(model.changes).toBe(1);
    expect(model.records().get(id)).toEqual(recordOf(id, first));
    isHit(version);
    expect(counted()).toBe(none.replace('lost 0', 'lost 1'));
  });
});

describe('a record with parts of several versions', () => {
  const [edition, whole] = ['3', { id, version: '2', name: nameAt(1) }];

  beforeEach(() => {
    model.propose([
      { id, version: 2, isPresent: true, parts: { version: 2, name: 1, edition: 0 } },
      { id, version: 3, isPresent: true, parts: { version: 2, name: 1, edition: 3 } },
    ])(true);
  });

  it('is as old as the newest of them', () => {
    judge.hit(judge.question(id), whole);
    judge.hit(judge.question(id), { ...whole, edition });
    expect(counted()).toBe(none);
    judge.hit(judge.question(id), whole);
    expect(counted()).toBe(none.replace('backwards 0', 'backwards 1'));
  });

  it.each([
    ['name', { ...whole, edition, name: nameAt(2) }],
    ['version', { ...whole, edition, version: '1' }],
    ['id', { ...whole, edition, id: 'item-00001' }],
  ])('was never in the primary with another %s', (_, record) => {
    judge.hit(judge.question(id), record);
    expect(counted()).toBe(none.replace('lost 0', 'lost 1'));
  });
});
