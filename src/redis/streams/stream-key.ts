import { optionError } from '../../errors.js';

export function checkStreamKey(stream: unknown): asserts stream is string {
  if (typeof stream !== 'string' || stream === '') throw optionError('stream', 'the key of a stream', stream);
}
