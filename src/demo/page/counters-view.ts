import { byId, prefersStillness, setText } from './dom.js';
import { count, milliseconds, percent, plural } from './format.js';
import { Sparkline } from './sparkline.js';
import type { DatasetState, Stats } from './wire.js';

const figure = (id: string): HTMLElement => byId(id, HTMLElement);

/** The stations of the flow with their counters. */
export class CountersView {
  readonly #primaryRecords = figure('count-primary');
  readonly #primaryReads = figure('stat-primary-reads');
  readonly #applied = figure('stat-applied');
  readonly #lagAverage = figure('stat-lag-average');
  readonly #lagMaximum = figure('stat-lag-maximum');
  readonly #cacheRecords = figure('count-cache');
  readonly #prefetched = figure('stat-prefetched');
  readonly #hitRate = figure('stat-hit-rate');
  readonly #hits = figure('stat-hits');
  readonly #misses = figure('stat-misses');
  readonly #notLoaded = figure('stat-not-loaded');
  readonly #unavailable = figure('stat-unavailable');
  readonly #deadLetters = figure('stat-dead-letters');
  readonly #lag = new Sparkline(byId('lag-sparkline', HTMLDivElement), {
    shape: 'bars',
    describe: describeLag,
  });
  readonly #rate = new Sparkline(byId('hit-rate-sparkline', HTMLDivElement), {
    shape: 'line',
    max: 100,
    describe: describeRate,
  });
  #lookups = 0;
  #changes = 0;

  showStats(stats: Stats): void {
    const decided = stats.hits + stats.misses;
    setText(this.#primaryReads, count(stats.primaryReads));
    setText(this.#applied, count(stats.syncEventsApplied));
    setText(this.#lagAverage, stats.syncEventsApplied > 0 ? milliseconds(stats.syncLagMsAvg) : '–');
    setText(this.#lagMaximum, stats.syncEventsApplied > 0 ? milliseconds(stats.syncLagMsMax) : '–');
    setText(this.#prefetched, count(stats.prefetched));
    setText(this.#hitRate, decided > 0 ? percent(stats.hitRatePct) : '–');
    setText(this.#hits, count(stats.hits));
    setText(this.#misses, count(stats.misses));
    setText(this.#notLoaded, count(stats.notLoaded));
    setText(this.#unavailable, count(stats.unavailable));
    setText(this.#deadLetters, count(stats.deadLetters));
    for (const problem of [this.#notLoaded, this.#unavailable, this.#deadLetters]) {
      problem.parentElement?.classList.toggle('raised', problem.textContent !== '0');
    }

    // Fewer than before: somebody has reset the counters.
    if (decided < this.#lookups) this.#rate.empty();
    if (stats.syncEventsApplied < this.#changes) this.#lag.empty();
    if (decided !== this.#lookups && decided > 0) this.#rate.push(stats.hitRatePct);
    this.#lookups = decided;
    this.#changes = stats.syncEventsApplied;
  }

  showCounts(state: DatasetState): void {
    setText(this.#primaryRecords, count(state.primaryCount));
    setText(this.#cacheRecords, count(state.cacheCount));
  }

  showLag(lagMs: number): void {
    this.#lag.push(lagMs);
  }

  /** Lets a dot travel along the links that something has just passed. */
  pulse(...links: ('primary' | 'worker' | 'redis')[]): void {
    if (prefersStillness()) return;
    links.forEach((link, index) => {
      const dot = document.createElement('span');
      byId(`link-${link}`, HTMLElement).replaceChildren(dot);
      const travel = dot.animate(
        [
          { left: '0%', opacity: 0 },
          { opacity: 1, offset: 0.25 },
          { opacity: 1, offset: 0.75 },
          { left: '100%', opacity: 0 },
        ],
        { duration: 600, delay: index * 350, easing: 'ease-in-out', fill: 'backwards' },
      );
      travel.addEventListener('finish', () => {
        dot.remove();
      });
    });
  }
}

function describeLag(values: readonly number[]): string {
  if (values.length === 0) return 'Sync lag: nothing applied yet';
  const range = `${milliseconds(Math.min(...values))} to ${milliseconds(Math.max(...values))}`;
  return `Sync lag of the last ${plural(values.length, 'batch', 'batches')}: ${range}`;
}

function describeRate(values: readonly number[]): string {
  const latest = values.at(-1);
  return latest === undefined ? 'Hit rate: no lookup yet' : `Hit rate over time, now ${percent(latest)}`;
}
