/** The value, where a test knows that there is one. */
export function present<T>(value: T | null | undefined): T {
  if (value === undefined || value === null) throw new Error(`It is ${String(value)}.`);
  return value;
}
