/** An entry as Redis gives it: its id, then field, value, field, value, … */
export type StreamEntry = readonly [id: string, fields: readonly string[]];

/** An entry that concerns no record. It is written where a snapshot needs an entry to stand at. */
export const markFields = ['op', 'mark'] as const;

export function isMark([, fields]: StreamEntry): boolean {
  return fields.length === 2 && fields[0] === markFields[0] && fields[1] === markFields[1];
}
