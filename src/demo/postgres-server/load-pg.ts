import type pg from 'pg';
import { NoPostgresError } from './no-postgres-error.js';

/** Loaded when it is needed: a primary in memory does without. @throws NoPostgresError */
export async function loadPg(): Promise<typeof pg> {
  try {
    return (await import('pg')).default;
  } catch {
    throw new NoPostgresError('A primary in Postgres needs the package pg. Type: npm install pg');
  }
}
