import { Actions } from './actions.js';
import { ActivityLog } from './activity-log.js';
import { api } from './api.js';
import { CountersView } from './counters-view.js';
import { Dataset } from './dataset.js';
import { DatasetView } from './dataset-view.js';
import { byId } from './dom.js';
import { followEvents } from './event-feed.js';
import { HeaderView } from './header-view.js';
import { LiveView } from './live-view.js';
import { Notices } from './notices.js';
import { ReadingView } from './reading-view.js';
import { createRefresher } from './refresher.js';
import { ResultBar } from './result-bar.js';
import { WriteForms } from './write-forms.js';

const REFRESH_INTERVAL_MS = 500;
const RETRY_MS = 2_000;

const dataset = new Dataset();
const counters = new CountersView();
const log = new ActivityLog(byId('activity-log', HTMLOListElement));
const reading = new ReadingView(byId('reading', HTMLDivElement), {
  keyPrefix: () => dataset.name,
  ttlSeconds: () => dataset.ttlSeconds,
});
const refresh = createRefresher(fetchDataset, REFRESH_INTERVAL_MS);

const actions = new Actions({
  resultBar: new ResultBar(),
  showReading: (id, answer) => {
    reading.show(id, answer);
  },
  startEdit: (id) => {
    writeForms.edit(id);
  },
  changed: refresh,
});

const writeForms = new WriteForms({
  layout: () => dataset.layout,
  record: (id) => dataset.record(id),
  update: (id, fields) => actions.update(id, fields),
  add: (record) => actions.add(record),
});

const records = new DatasetView((action, id) => {
  if (action === 'read') readId.value = id;
  actions.onRow(action, id);
});

const live = new LiveView({
  dataset,
  counters,
  log,
  reading,
  records,
  header: new HeaderView(),
  notices: new Notices(byId('notices', HTMLDivElement)),
  changed: refresh,
});

const readId = byId('read-id', HTMLInputElement);
byId('read-form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  void actions.read(readId.value.trim());
});
onClick('clear', () => actions.clear());
onClick('reprefetch', () => actions.reprefetch());
onClick('reset-stats', () => actions.resetStats());
byId('clear-log', HTMLButtonElement).addEventListener('click', () => {
  log.empty();
});

followEvents('/admin/events', live);

async function fetchDataset(): Promise<void> {
  const [state, primary] = await Promise.all([api.state(), api.primary()]);
  if (state.kind === 'ok' && primary.kind === 'ok') {
    dataset.learn(state.value, primary.value.records);
    counters.showCounts(state.value);
    records.show(state.value, primary.value.records);
    live.showRedis(true);
    if (state.value.loaded !== undefined) live.showLoaded(state.value.loaded);
  } else if (state.kind === 'problem') {
    live.showRedis(false);
    setTimeout(refresh, RETRY_MS);
  }
}

/** A button stays focusable while its work is under way; pressing it again meanwhile does nothing. */
function onClick(id: string, act: () => Promise<unknown>): void {
  const button = byId(id, HTMLButtonElement);
  button.addEventListener('click', () => {
    if (button.getAttribute('aria-busy') === 'true') return;
    button.setAttribute('aria-busy', 'true');
    void act().finally(() => {
      button.removeAttribute('aria-busy');
    });
  });
}
