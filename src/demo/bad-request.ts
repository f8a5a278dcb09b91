/** A request that makes no sense; the message says why and is shown. */
export class BadRequestError extends Error {
  override readonly name = 'BadRequestError';
  readonly status = 400;
}
