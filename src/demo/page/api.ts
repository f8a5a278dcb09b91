import type {
  Category,
  DatasetState,
  DeadLetter,
  Entry,
  Explanation,
  Fault,
  PrimaryPage,
  Problem,
  ReconcileReport,
  Statement,
} from './wire.js';

export type Answer<T> =
  | { kind: 'ok'; status: number; value: T }
  | { kind: 'problem'; status: number; problem: Problem }
  | { kind: 'no-connection' };

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

const PATIENCE_MS = { read: 10_000, write: 10_000, reload: 300_000 };

const rowLimit = 200;

export const api = {
  state: () => request('GET', `/admin/state?limit=${rowLimit}`) as Promise<Answer<DatasetState>>,
  primary: () => request('GET', `/admin/primary?limit=${rowLimit}`) as Promise<Answer<PrimaryPage>>,
  entry: (id: string) => request('GET', `/admin/entries/${encodeURIComponent(id)}`) as Promise<Answer<Entry>>,
  add: (record: Category) => request('POST', '/primary/categories', record) as Promise<Answer<Category>>,
  update: (id: string, fields: Partial<Category>) =>
    request('PATCH', `/primary/categories/${encodeURIComponent(id)}`, fields) as Promise<Answer<Category>>,
  remove: (id: string) => request('DELETE', `/primary/categories/${encodeURIComponent(id)}`, {}),
  invalidate: (id: string) =>
    request('POST', `/admin/invalidate/${encodeURIComponent(id)}`, {}) as Promise<
      Answer<{ invalidated: boolean }>
    >,
  clear: () => request('POST', '/admin/clear', {}) as Promise<Answer<{ removed: number }>>,
  reprefetch: () =>
    request('POST', '/admin/reprefetch', {}, PATIENCE_MS.reload) as Promise<
      Answer<{ loaded: number; elapsedMs: number }>
    >,
  reconcile: () =>
    request('POST', '/admin/reconcile?repair=1', {}, PATIENCE_MS.reload) as Promise<Answer<ReconcileReport>>,
  history: (id: string) =>
    request('GET', `/admin/explain/${encodeURIComponent(id)}`) as Promise<Answer<Explanation>>,
  deadLetters: () =>
    request('GET', `/admin/dead-letters?limit=${rowLimit}`) as Promise<Answer<{ letters: DeadLetter[] }>>,
  replay: (letter: string) => request('POST', `/admin/dead-letters/${encodeURIComponent(letter)}/replay`, {}),
  discard: (letter: string) => request('DELETE', `/admin/dead-letters/${encodeURIComponent(letter)}`, {}),
  statements: () => request('GET', '/admin/statements') as Promise<Answer<{ statements: Statement[] }>>,
  faults: () => request('GET', '/admin/faults') as Promise<Answer<{ faults: Fault[] }>>,
  bringAbout: (fault: string) =>
    request('POST', `/admin/faults/${encodeURIComponent(fault)}`, {}) as Promise<Answer<{ text: string }>>,
  resetStats: () => request('POST', '/admin/stats/reset', {}),
};

export function explain(answer: Exclude<Answer<unknown>, { kind: 'ok' }>): string {
  if (answer.kind === 'no-connection') return 'No connection: the sample app does not answer.';
  const { title, detail } = answer.problem;
  return detail ? `${answer.status} ${title}: ${detail}` : `${answer.status} ${title}`;
}

async function request(
  method: Method,
  path: string,
  body?: unknown,
  patienceMs = method === 'GET' ? PATIENCE_MS.read : PATIENCE_MS.write,
): Promise<Answer<unknown>> {
  const init: RequestInit = { method, cache: 'no-store', signal: AbortSignal.timeout(patienceMs) };
  if (body !== undefined) {
    init.headers = { 'content-type': 'application/json' };
    init.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, init);
    const text = await response.text();
    if (response.ok)
      return { kind: 'ok', status: response.status, value: text === '' ? undefined : parse(text) };
    return { kind: 'problem', status: response.status, problem: readProblem(response, parse(text)) };
  } catch {
    return { kind: 'no-connection' };
  }
}

function readProblem(response: Response, content: unknown): Problem {
  const fallback = { title: response.statusText || 'Error', status: response.status };
  return typeof content === 'object' && content !== null ? { ...fallback, ...content } : fallback;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
