/** There is no Postgres as it was asked for; the message says why and what to do. */
export class NoPostgresError extends Error {
  override readonly name = 'NoPostgresError';
}
