import type { Answer } from './api.js';
import { explain } from './api.js';
import { create, setText } from './dom.js';
import { duration, milliseconds } from './format.js';
import type { Entry, Outcome } from './wire.js';

type Face = Outcome | 'no-connection' | 'refused';

const faces: Record<Face, { title: string; meaning: string }> = {
  hit: { title: 'Hit', meaning: '' },
  miss: { title: 'Miss', meaning: 'The primary was not asked.' },
  'not-loaded': { title: 'Not loaded', meaning: 'Not a 404: whether the record exists is not known now.' },
  unavailable: { title: 'Redis unavailable', meaning: 'The primary was not asked instead.' },
  'no-connection': {
    title: 'No connection',
    meaning: 'The request did not reach the sample app, or its answer did not come back.',
  },
  refused: { title: 'Refused', meaning: '' },
};

export class ReadingView {
  readonly #host: HTMLElement;
  readonly #keyPrefix: () => string;
  readonly #ttlSeconds: () => number | undefined;
  readonly #changed = create('p', 'reading-changed');
  #id: string | undefined;
  #countdown: number | undefined;

  constructor(host: HTMLElement, dataset: { keyPrefix(): string; ttlSeconds(): number | undefined }) {
    this.#host = host;
    this.#keyPrefix = () => dataset.keyPrefix();
    this.#ttlSeconds = () => dataset.ttlSeconds();
  }

  show(id: string, answer: Answer<Entry>): void {
    clearInterval(this.#countdown);
    this.#id = id;
    this.#changed.hidden = true;
    const face = faceOf(answer);
    this.#host.dataset['outcome'] = face;
    const status = answer.kind === 'no-connection' ? 'no answer' : String(answer.status);
    const head = create(
      'p',
      'reading-head',
      create('strong', `outcome ${face}`, faces[face].title),
      create('span', 'reading-status', status),
      create('span', 'code', answer.kind === 'ok' ? `${this.#keyPrefix()}:${id}` : id),
    );
    const content = answer.kind === 'ok' ? this.#record(answer.value) : this.#failure(face, answer);
    this.#host.replaceChildren(head, ...content, this.#changed);
  }

  /** Says that the record shown has changed since it was read. */
  outdate(id: string, what: string): void {
    if (id !== this.#id) return;
    setText(this.#changed, `${what} since this was read.`);
    this.#changed.hidden = false;
  }

  #failure(face: Face, answer: Exclude<Answer<Entry>, { kind: 'ok' }>): HTMLElement[] {
    const detail = answer.kind === 'problem' ? (answer.problem.detail ?? explain(answer)) : '';
    return [detail, faces[face].meaning].filter((text) => text !== '').map((text) => create('p', '', text));
  }

  #record(entry: Entry): HTMLElement[] {
    const ttlLeft = create('dd');
    const ttlBar = create('progress');
    ttlBar.setAttribute('aria-hidden', 'true');
    this.#countDown(entry, ttlLeft, ttlBar);
    const measures = create(
      'dl',
      'measures',
      pair('Redis latency', milliseconds(entry.redisLatencyMs)),
      create('div', '', create('dt', '', 'TTL left'), ttlLeft, ttlBar),
    );
    const fields = Object.entries(entry.record as object).map(([name, value]) =>
      pair(name, JSON.stringify(value), `code ${typeof value}-value`),
    );
    return [measures, create('dl', 'fields', ...fields)];
  }

  // It ticks inside of a live region: without `off` a screen reader would read out every second.
  #countDown(entry: Entry, text: HTMLElement, bar: HTMLProgressElement): void {
    text.setAttribute('aria-live', 'off');
    const left = entry.ttlSeconds;
    if (left === null) {
      setText(text, 'expired');
      bar.hidden = true;
      return;
    }
    const whole = this.#ttlSeconds() ?? left;
    const readAt = Date.now();
    const draw = (): void => {
      const now = Math.max(0, left - (Date.now() - readAt) / 1_000);
      setText(text, now > 0 ? duration(now) : 'expired');
      bar.max = whole;
      bar.value = now;
    };
    draw();
    this.#countdown = setInterval(draw, 1_000);
  }
}

function faceOf(answer: Answer<Entry>): Face {
  if (answer.kind === 'ok') return 'hit';
  if (answer.kind === 'no-connection') return 'no-connection';
  return answer.problem.outcome ?? 'refused';
}

function pair(term: string, value: string, className = ''): HTMLElement {
  return create('div', '', create('dt', '', term), create('dd', className, value));
}
