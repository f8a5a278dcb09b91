import { LookupStats } from '../../src/cache/lookup-stats.js';

const nothing = {
  hits: 0,
  misses: 0,
  notLoaded: 0,
  unavailable: 0,
  hitRatePct: 0,
  prefetched: 0,
  changesApplied: 0,
  syncLagMsAvg: 0,
  syncLagMsMax: 0,
};

test('are all zero before anything happened, the hit rate too', () => {
  expect(new LookupStats().read()).toEqual(nothing);
});

test('count every outcome apart', () => {
  const stats = new LookupStats();
  stats.countLookups('hit');
  stats.countLookups('hit', 4);
  stats.countLookups('miss', 2);
  stats.countLookups('not-loaded', 3);
  stats.countLookups('unavailable');
  expect(stats.read()).toMatchObject({ hits: 5, misses: 2, notLoaded: 3, unavailable: 1 });
});

test('take for the hit rate only lookups that had an answer, with two digits', () => {
  const stats = new LookupStats();
  stats.countLookups('unavailable', 10);
  stats.countLookups('not-loaded', 10);
  expect(stats.read().hitRatePct).toBe(0);
  stats.countLookups('hit', 2);
  stats.countLookups('miss');
  expect(stats.read().hitRatePct).toBe(66.67);
});

test('sum up what was prefetched', () => {
  const stats = new LookupStats();
  stats.countPrefetched(5);
  stats.countPrefetched(2);
  expect(stats.read().prefetched).toBe(7);
});

test('average the lag of changes that say when they happened', () => {
  const stats = new LookupStats();
  stats.countChange(1_000, 1_010);
  stats.countChange(1_000, 1_021);
  stats.countChange(undefined, 5_000);
  expect(stats.read()).toMatchObject({ changesApplied: 3, syncLagMsAvg: 15.5, syncLagMsMax: 21 });
});

test('know no negative lag, when the clock of the primary is ahead', () => {
  const stats = new LookupStats();
  stats.countChange(2_000, 1_000);
  expect(stats.read()).toMatchObject({ changesApplied: 1, syncLagMsAvg: 0, syncLagMsMax: 0 });
});

test('begin again at zero after a reset', () => {
  const stats = new LookupStats();
  stats.countLookups('hit');
  stats.countLookups('miss');
  stats.countLookups('not-loaded');
  stats.countLookups('unavailable');
  stats.countPrefetched(1);
  stats.countChange(1, 10);
  stats.reset();
  expect(stats.read()).toEqual(nothing);
});

test('are a copy: what was read does not change', () => {
  const stats = new LookupStats();
  const before = stats.read();
  stats.countLookups('hit');
  expect(before.hits).toBe(0);
});
