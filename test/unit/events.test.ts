import { type PrefetchEvent, hasListeners, publish, subscribe } from '../../src/events.js';

const cleared = { type: 'cleared', dataset: 'cache:category', removed: 5 } as const;

test('reach whoever listens, with the time, until it stops listening', () => {
  const heard: PrefetchEvent[] = [];
  const unsubscribe = subscribe((event) => heard.push(event));
  const before = Date.now();
  publish(cleared);
  expect(heard).toEqual([{ ...cleared, at: expect.any(Number) }]);
  expect(heard[0]?.at).toBeGreaterThanOrEqual(before);
  expect(heard[0]?.at).toBeLessThanOrEqual(Date.now());
  unsubscribe();
  unsubscribe();
  publish(cleared);
  expect(heard).toHaveLength(1);
});

test('tell whether anybody listens to a type, so that nothing is made for nobody', () => {
  expect(hasListeners('cleared')).toBe(false);
  const all = subscribe(() => undefined);
  const some = subscribe(() => undefined, ['cleared']);
  expect(hasListeners('cleared')).toBe(true);
  expect(hasListeners('lookup')).toBe(true);
  all();
  expect(hasListeners('cleared')).toBe(true);
  expect(hasListeners('lookup')).toBe(false);
  some();
  expect(hasListeners('cleared')).toBe(false);
});

test('reach a listener only with the types that it asked for', () => {
  const heard: PrefetchEvent[] = [];
  const unsubscribe = subscribe((event) => heard.push(event), ['invalidated']);
  publish(cleared);
  publish({ type: 'invalidated', dataset: 'cache:category', id: 'cat-001' });
  unsubscribe();
  expect(heard).toEqual([
    { type: 'invalidated', dataset: 'cache:category', id: 'cat-001', at: expect.any(Number) },
  ]);
});

test('reach several listeners, of which each can stop alone', () => {
  const heard: string[] = [];
  const first = subscribe(() => heard.push('first'));
  const second = subscribe(() => heard.push('second'));
  publish(cleared);
  first();
  publish(cleared);
  second();
  expect(heard).toEqual(['first', 'second', 'second']);
});
