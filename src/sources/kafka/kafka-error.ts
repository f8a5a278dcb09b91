import { PrefetchError } from '../../errors.js';

export function sourceError(message: string): PrefetchError {
  return new PrefetchError('ERR_PREFETCH_SOURCE', message);
}

/** What a client reported, in words only: its errors carry along what it was given, secrets among it. */
export function kafkaError(doing: string, error: unknown): PrefetchError {
  if (error instanceof PrefetchError) return error;
  return sourceError(`Kafka: ${doing} failed: ${describe(error)}`);
}

export function describe(error: unknown): string {
  const { message, errors } = (error ?? {}) as { message?: unknown; errors?: unknown };
  const inner = Array.isArray(errors) && errors.length > 0 ? ` (${describe(errors[0])})` : '';
  return `${typeof message === 'string' && message !== '' ? message : String(error)}${inner}`;
}
