import { Actions } from './actions.js';
import { ActivityLog } from './activity-log.js';
import { api } from './api.js';
import { CountersView } from './counters-view.js';
import { Dataset } from './dataset.js';
import { DatasetView } from './dataset-view.js';
import { byId } from './dom.js';
import { followEvents } from './event-feed.js';
import { whileBusy } from './busy.js';
import { FaultButtons } from './fault-buttons.js';
import { FreshnessView } from './freshness-view.js';
import { HeaderView } from './header-view.js';
import { HistoryView } from './history-view.js';
import { LettersView } from './letters-view.js';
import { LiveView } from './live-view.js';
import { LoadView } from './load-view.js';
import { Notices } from './notices.js';
import { ReadingView } from './reading-view.js';
import { createRefresher } from './refresher.js';
import { ReportView } from './report-view.js';
import { ResultBar } from './result-bar.js';
import { StatementsView } from './statements-view.js';
import { WorkersView } from './workers-view.js';
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
const history = new HistoryView();
const report = new ReportView();
const statements = new StatementsView();
const refresh = createRefresher(fetchDataset, REFRESH_INTERVAL_MS);
const refreshLetters = createRefresher(fetchLetters, REFRESH_INTERVAL_MS);

const actions = new Actions({
  resultBar: new ResultBar(),
  showReading: (id, answer) => {
    reading.show(id, answer);
    history.hide();
  },
  showHistory: (explanation) => {
    if (explanation) history.show(explanation);
    else history.hide();
  },
  showReport: (found) => {
    report.show(found);
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

const letters = new LettersView((action, letter) => {
  void actions.onLetter(action, letter).then(refreshLetters);
});

const faultButtons = new FaultButtons((button, fault) => {
  whileBusy(button, () => actions.bringAbout(fault));
});

const header = new HeaderView();
const notices = new Notices(byId('notices', HTMLDivElement));
const live = new LiveView({
  dataset,
  counters,
  log,
  reading,
  records,
  header,
  notices,
  workers: new WorkersView(header, notices),
  load: new LoadView(),
  freshness: new FreshnessView(notices),
  statements,
  lettersChanged: (waiting) => {
    if (waiting > 0 || !letters.isEmpty) refreshLetters();
  },
  appeared: () => {
    void fetchFaults();
    void fetchStatements();
  },
  changed: refresh,
});

const readId = byId('read-id', HTMLInputElement);
byId('read-form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  void actions.read(readId.value.trim());
});
onClick('clear', () => actions.clear());
onClick('reprefetch', () => actions.reprefetch());
onClick('reconcile', () => actions.reconcile());
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
    live.showPrimary(true);
    if (state.value.loaded !== undefined) live.showLoaded(state.value.loaded);
  } else if (state.kind === 'problem') {
    if (state.problem.part === 'primary') live.showPrimary(false);
    else live.showRedis(false);
    setTimeout(refresh, RETRY_MS);
  }
}

async function fetchLetters(): Promise<void> {
  const answer = await api.deadLetters();
  if (answer.kind === 'ok') letters.show(answer.value.letters);
}

async function fetchFaults(): Promise<void> {
  const answer = await api.faults();
  if (answer.kind === 'ok') faultButtons.show(answer.value.faults);
}

async function fetchStatements(): Promise<void> {
  const answer = await api.statements();
  if (answer.kind === 'ok') statements.showAll(answer.value.statements);
}

function onClick(id: string, act: () => Promise<unknown>): void {
  const button = byId(id, HTMLButtonElement);
  button.addEventListener('click', () => {
    whileBusy(button, act);
  });
}
