import { setTimeout as pause } from 'node:timers/promises';
import type { TestPostgres } from '../../support/postgres.js';
import { until } from '../../support/until.js';

const patienceMs = 15_000;

/** What the server answers, once it does. */
export function ask(server: TestPostgres, sql: string): Promise<Record<string, unknown>[]> {
  return until(() => server.run(sql).catch(() => undefined), patienceMs);
}

/** Waits until it is so, but not for ever: what it is waited for may be over. */
export async function comesTrue(isSo: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 60 && !(await isSo()); tries++) await pause(20);
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
