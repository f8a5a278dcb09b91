/** The server of the primary cannot be asked now; lookups do not need it. */
export class PrimaryUnavailableError extends Error {
  override readonly name = 'PrimaryUnavailableError';
  readonly reason: string;

  constructor(reason: string, options?: ErrorOptions) {
    super(`Postgres cannot be asked now: ${reason}.`, options);
    this.reason = reason;
  }
}
