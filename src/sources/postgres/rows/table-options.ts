import { optionError } from '../../../errors.js';

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

export function tableOf(given: unknown): TableName {
  const parts = isText(given) ? given.split('.') : [];
  const [schema, name] = parts.length === 1 ? ['public', parts[0]] : parts;
  if (!schema || !name || parts.length > 2) {
    throw optionError('table', 'the name of a table, such as category or shop.category', given);
  }
  return { schema, name };
}

export function namesOf(option: string, given: unknown): readonly string[] {
  if (!Array.isArray(given) || given.length === 0 || !given.every(isText)) {
    throw optionError(option, 'names of columns', given);
  }
  return given;
}

export function optional<T>(
  option: string,
  given: unknown,
  isRight: (given: unknown) => given is T,
  expected: string,
): T | undefined {
  if (given === undefined || isRight(given)) return given;
  throw optionError(option, expected, given);
}

export function flag(option: string, given: unknown, otherwise: boolean): boolean {
  if (given === undefined) return otherwise;
  if (typeof given !== 'boolean') throw optionError(option, 'true or false', given);
  return given;
}

export function isText(given: unknown): given is string {
  return typeof given === 'string' && given !== '';
}
