/** Why a message makes no sense; it becomes the reason of a dead letter. */
export class Garbage extends Error {}

export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
