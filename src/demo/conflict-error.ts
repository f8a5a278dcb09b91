/** A request that makes sense, but not now; the message says why and is shown. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
  readonly status = 409;
}
