import type { ActivityLog } from './activity-log.js';
import type { CountersView } from './counters-view.js';
import type { Dataset } from './dataset.js';
import type { DatasetView } from './dataset-view.js';
import type { Connection } from './event-feed.js';
import { wordsFor } from './event-words.js';
import { clock, milliseconds } from './format.js';
import type { HeaderView } from './header-view.js';
import type { Notices } from './notices.js';
import type { ReadingView } from './reading-view.js';
import type { FeedEvent, Outcome, WorkerState } from './wire.js';

const MOST_MARKS = 200;

interface Views {
  dataset: Dataset;
  header: HeaderView;
  counters: CountersView;
  records: DatasetView;
  reading: ReadingView;
  log: ActivityLog;
  notices: Notices;
  /** Something happened to the records: what is shown should be fetched again. */
  changed: () => void;
}

/** Lets every event be seen where it belongs. */
export class LiveView {
  readonly #views: Views;
  #connection: Connection = 'connecting';
  #workerDetail: string | undefined;

  constructor(views: Views) {
    this.#views = views;
  }

  onConnection(connection: Connection): void {
    const { header, log, notices, changed } = this.#views;
    const before = this.#connection;
    this.#connection = connection;
    header.showConnection(connection);
    if (connection === 'live') {
      notices.clear('connection');
      if (before === 'lost') log.add({ kind: 'connection', text: 'restored' });
      changed();
    } else if (connection === 'lost' && before !== 'lost') {
      log.add({ kind: 'connection', text: 'lost', tone: 'lost' });
      notices.show(
        'connection',
        'Connection lost.',
        `What you see is from ${clock(new Date())} and no longer moves. Trying again…`,
      );
    }
  }

  onEvent(event: FeedEvent): void {
    const { dataset, header, counters, records, reading, log, changed } = this.#views;
    const words = wordsFor(event);
    if (words) {
      if (event.type === 'load-progress') log.update(words);
      else log.add(words);
    }
    switch (event.type) {
      case 'hello':
        dataset.describe(event.data);
        header.showDataset(event.data);
        break;
      case 'stats':
        counters.showStats(event.data);
        this.#showWorker(event.data.workerState);
        break;
      case 'applied':
        this.#showApplied(event.data.changes, event.data.lagMs);
        break;
      case 'invalidated':
        records.mark(event.data.id, 'invalidated');
        reading.outdate(event.data.id, 'Invalidated');
        changed();
        break;
      case 'cleared':
        this.showLoaded(false);
        changed();
        break;
      case 'load-progress':
        counters.showLoadProgress(event.data.loaded, dataset.primaryCount);
        break;
      case 'loaded':
        counters.endLoadProgress();
        this.showLoaded(true);
        changed();
        break;
      case 'lookup':
        this.#showOutcome(event.data.outcome);
        break;
      case 'worker':
        this.#showWorker(event.data.state, event.data.detail);
        break;
    }
  }

  showLoaded(loaded: boolean): void {
    const { notices } = this.#views;
    if (loaded) notices.clear('not-loaded');
    else
      notices.show(
        'not-loaded',
        'Not loaded.',
        'Every lookup answers 503 until the dataset is prefetched again.',
      );
  }

  showRedis(answers: boolean): void {
    const { notices } = this.#views;
    if (answers) notices.clear('redis');
    else
      notices.show(
        'redis',
        'Redis does not answer.',
        'Lookups answer 503; none of them goes to the primary.',
      );
  }

  #showApplied(changes: { op: string; id?: string }[], lagMs: number | null): void {
    const { counters, records, reading, changed } = this.#views;
    const lag = lagMs === null ? '' : ` · lag ${milliseconds(lagMs)}`;
    for (const { op, id } of changes.slice(0, MOST_MARKS)) {
      if (id === undefined) continue;
      const what = op === 'delete' ? 'deleted' : 'written';
      records.mark(id, `${what}${lag}`);
      reading.outdate(id, op === 'delete' ? 'Deleted' : 'Written again');
    }
    if (lagMs !== null) counters.showLag(lagMs);
    counters.pulse('primary', 'worker');
    changed();
  }

  #showOutcome(outcome: Outcome): void {
    this.#views.counters.pulse('redis');
    this.showRedis(outcome !== 'unavailable');
    // Fetching the state anew goes on until Redis answers, which is how the notice goes away.
    if (outcome === 'unavailable') this.#views.changed();
    if (outcome === 'not-loaded') this.showLoaded(false);
    if (outcome === 'hit' || outcome === 'miss') this.showLoaded(true);
  }

  #showWorker(state: WorkerState, detail?: string): void {
    const { header, notices } = this.#views;
    if (detail !== undefined || state !== 'failed') this.#workerDetail = detail;
    header.showWorker(state);
    if (state !== 'failed') notices.clear('worker');
    else {
      const reason = this.#workerDetail ?? 'The cache no longer follows the primary.';
      notices.show('worker', 'The sync worker has stopped on an error.', reason);
    }
  }
}
