import type { TestPostgres } from '../../support/postgres.js';
import { until } from '../../support/until.js';

const patienceMs = 15_000;

/** What the server answers, once it does. */
export function ask(server: TestPostgres, sql: string): Promise<Record<string, unknown>[]> {
  return until(() => server.run(sql).catch(() => undefined), patienceMs);
}

/** Does the work until it succeeds. */
export async function insist(work: () => Promise<unknown>): Promise<void> {
  const isDone = () =>
    work().then(
      () => true,
      () => false,
    );
  await until(isDone, patienceMs);
}
