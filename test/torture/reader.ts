import { Agent, get } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { someId } from './application.js';
import type { Judge } from './judge.js';
import type { TornItem } from './model.js';
import type { Random } from './random.js';
import type { Verdict } from './verdict.js';

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** How often each kind of answer came. */
export interface Tally {
  hits: number;
  misses: number;
  unavailable: number;
}

interface ReaderContext {
  readonly ids: readonly string[];
  readonly judge: Judge;
  readonly verdict: Verdict;
  readonly tally: Tally;
  /** A lookup that takes longer hangs. */
  readonly patienceMs: number;
}

/** A visitor of a web process, who asks one question after the other over one connection that is kept. */
export class Reader {
  readonly #context: ReaderContext;
  readonly #port: number;
  readonly #random: Random;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(context: ReaderContext, port: number, random: Random) {
    this.#context = context;
    this.#port = port;
    this.#random = random;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#random.chance(0.1)) await this.#askForMany();
      else await this.#askForOne();
      await pause(this.#random.integer(1, 8));
    }
    this.#agent.destroy();
  }

  async #askForOne(): Promise<void> {
    const { ids, judge, tally } = this.#context;
    const id = someId(this.#random, ids);
    const question = judge.question(id);
    const answer = await this.#answer(`/items/${id}`);
    if (answer?.status === 200) {
      tally.hits++;
      judge.hit(question, JSON.parse(answer.body) as TornItem);
    } else if (answer?.status === 404) {
      tally.misses++;
      judge.miss(question);
    }
  }

  async #askForMany(): Promise<void> {
    const { ids, judge, tally } = this.#context;
    const wanted = new Set(Array.from({ length: 20 }, () => someId(this.#random, ids)));
    const questions = new Map([...wanted].map((id) => [id, judge.question(id)]));
    const answer = await this.#answer(`/items?ids=${[...wanted].join(',')}`);
    if (answer?.status !== 200) return;
    const { records, missing } = JSON.parse(answer.body) as { records: TornItem[]; missing: string[] };
    for (const record of records) {
      tally.hits++;
      judge.hit(questions.get(record.id)!, record);
    }
    for (const id of missing) {
      tally.misses++;
      judge.miss(questions.get(id)!);
    }
  }

  /** Undefined when there is none that says anything of records; then it is counted already. */
  async #answer(path: string): Promise<Answer | undefined> {
    const { verdict, tally, patienceMs } = this.#context;
    try {
      const answer = await ask(this.#agent, this.#port, path, patienceMs);
      if (answer.status === 503) tally.unavailable++;
      if ([200, 404, 503].includes(answer.status)) return answer;
      verdict.accuse('hung', `GET ${path} was answered with ${answer.status} ${answer.body}`);
    } catch (error) {
      verdict.accuse('hung', `GET ${path} had no answer: ${String(error)}`);
    }
    return undefined;
  }
}

function ask(agent: Agent, port: number, path: string, patienceMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get({ agent, port, path, host: '127.0.0.1' }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    const timer = setTimeout(() => {
      request.destroy(new Error(`none within ${patienceMs} ms`));
    }, patienceMs);
  });
}
