import type { ActivityLog } from './activity-log.js';
import type { CountersView } from './counters-view.js';
import type { Dataset } from './dataset.js';
import type { DatasetView } from './dataset-view.js';
import type { Connection } from './event-feed.js';
import { wordsFor } from './event-words.js';
import { clock, milliseconds } from './format.js';
import type { FreshnessView } from './freshness-view.js';
import type { HeaderView } from './header-view.js';
import type { LoadView } from './load-view.js';
import type { Notices } from './notices.js';
import type { ReadingView } from './reading-view.js';
import type { StatementsView } from './statements-view.js';
import type { FeedEvent, Outcome } from './wire.js';
import type { WorkersView } from './workers-view.js';

const MOST_MARKS = 200;

interface Views {
  dataset: Dataset;
  header: HeaderView;
  counters: CountersView;
  records: DatasetView;
  reading: ReadingView;
  log: ActivityLog;
  notices: Notices;
  workers: WorkersView;
  load: LoadView;
  freshness: FreshnessView;
  statements: StatementsView;
  /** There may be other dead letters than before. */
  lettersChanged: (waiting: number) => void;
  /** The app has (re)appeared: what it allows may be different. */
  appeared: () => void;
  /** Something happened to the records: what is shown should be fetched again. */
  changed: () => void;
}

/** Lets every event be seen where it belongs. */
export class LiveView {
  readonly #views: Views;
  #connection: Connection = 'connecting';

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
    const { dataset, header, counters, records, reading, log, workers, load, freshness, changed } =
      this.#views;
    const words = wordsFor(event);
    if (words) {
      if (event.type === 'load-progress') log.update(words);
      else log.add(words);
    }
    switch (event.type) {
      case 'hello':
        dataset.describe(event.data);
        header.showDataset(event.data);
        this.#views.statements.showFor(event.data.primary);
        this.#views.appeared();
        break;
      case 'stats':
        counters.showStats(event.data);
        workers.showAll(event.data);
        this.#views.lettersChanged(event.data.deadLetters);
        if (event.data.loading) load.show(event.data.loading, dataset.primaryCount);
        else load.hide();
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
      case 'load-begun':
        load.show({ loaded: 0, refused: 0 }, dataset.primaryCount);
        changed();
        break;
      case 'load-progress':
        load.show(event.data, dataset.primaryCount);
        break;
      case 'loaded':
        load.hide();
        this.showLoaded(true);
        changed();
        break;
      case 'lookup':
        this.#showOutcome(event.data.outcome);
        break;
      case 'worker':
        workers.showOne(event.data.worker, event.data);
        // What it cannot do may be because of Redis.
        if (event.data.state === 'retrying') changed();
        break;
      case 'freshness':
        freshness.show(event.data);
        break;
      case 'reconciled':
      case 'fault':
        changed();
        break;
      case 'dead-letter':
        this.#views.lettersChanged(1);
        changed();
        break;
      case 'statement':
        this.#views.statements.add(event.data);
        break;
      case 'source-warning':
      case 'dead-letters-filling':
        break;
    }
  }

  showLoaded(loaded: boolean): void {
    const { notices, workers } = this.#views;
    if (loaded) notices.clear('not-loaded');
    else {
      const end = workers.areResting
        ? 'the dataset is prefetched again'
        : 'a worker has loaded the dataset again';
      notices.show('not-loaded', 'Not loaded.', `Every lookup answers 503 until ${end}.`);
    }
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

  showPrimary(answers: boolean): void {
    const { notices } = this.#views;
    if (answers) notices.clear('primary');
    else
      notices.show(
        'primary',
        'Postgres does not answer.',
        'Lookups go on, from Redis. What you see of the primary is from before.',
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
}
