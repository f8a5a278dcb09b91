import { wordsFor } from '../../src/demo/page/event-words.js';
import type { FeedEvent } from '../../src/demo/page/wire.js';

const said = (event: FeedEvent) => {
  const words = wordsFor(event);
  return words && `${words.kind}: ${words.text}${words.tone ? ` (${words.tone})` : ''}`;
};

const reconciled = { compared: 5, missing: 1, different: 2, orphaned: 0, repaired: 3, elapsedMs: 12 };

describe('the log of the page', () => {
  it.each<[FeedEvent, string]>([
    [
      { type: 'load-begun', data: { cause: 'prefetch', why: 'There is no checkpoint yet.' } },
      'load: prefetch begun: There is no checkpoint yet.',
    ],
    [
      { type: 'load-progress', data: { loaded: 2000, refused: 0, total: 5000 } },
      'loading: 2,000 of 5,000 records',
    ],
    [{ type: 'load-progress', data: { loaded: 2000, refused: 0 } }, 'loading: 2,000 records so far'],
    [{ type: 'worker', data: { worker: 'worker-2', state: 'standby' } }, 'worker: worker-2 · standby'],
    [
      { type: 'worker', data: { worker: 'worker-1', state: 'retrying', detail: 'No answer.' } },
      'worker: worker-1 · retrying: No answer. (miss)',
    ],
    [
      { type: 'worker', data: { worker: 'worker-1', state: 'failed', detail: 'Closed.' } },
      'worker: worker-1 · failed: Closed. (unavailable)',
    ],
    [{ type: 'dead-letter', data: { id: 'x', reason: 'No text.' } }, 'dead letter: x · No text. (miss)'],
    [{ type: 'dead-letter', data: { reason: 'No text.' } }, 'dead letter: a change · No text. (miss)'],
    [
      { type: 'dead-letters-filling', data: { waiting: 800, limit: 1000 } },
      'dead letters: 800 wait, of 1,000 that are kept (lost)',
    ],
    [
      { type: 'reconciled', data: reconciled },
      'reconciled: 5 records in 12 ms · 1 missing · 2 different · 0 orphaned · 3 repaired',
    ],
    [{ type: 'fault', data: { fault: 'drift', text: 'Gone.' } }, 'fault: Gone. (unavailable)'],
  ])('says of %j: %s', (event, words) => {
    expect(said(event)).toBe(words);
  });

  it('says nothing of what changes all the time', () => {
    const data = { stalenessMs: 5, limitMs: 12_000, refusesStale: false };
    expect(said({ type: 'freshness', data })).toBeUndefined();
  });
});
