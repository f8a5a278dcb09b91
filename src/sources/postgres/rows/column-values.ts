/** Types by their numbers, which never change: see pg_type.dat of Postgres. */
const numbers = [21, 23, 26, 700, 701];
const boolean = 16;
const json = [114, 3802];
const timestampWithZone = 1184;

/** The type of the elements of a list. */
const lists: Readonly<Record<number, number>> = {
  1000: boolean,
  1005: 21,
  1007: 23,
  1016: 20,
  1021: 700,
  1022: 701,
  1231: 1700,
  1009: 25,
  1015: 1043,
  2951: 2950,
  1185: timestampWithZone,
  1182: 1082,
};

/**
 * The text of a value as what a record holds. What JSON or a double could not hold exactly stays a text.
 *
 * @throws when the text is not one of the type
 */
export function valueOf(text: string | null, type: number): unknown {
  if (text === null) return null;
  if (type === boolean) return text === 't';
  if (numbers.includes(type)) return Number.isFinite(Number(text)) ? Number(text) : text;
  if (json.includes(type)) return JSON.parse(text) as unknown;
  if (type === timestampWithZone) return isoTimeOf(text);
  const element = lists[type];
  return element === undefined ? text : listOf(text, element);
}

/** `2024-05-06 07:08:09.123456+00`: connections of ours are in UTC. */
function isoTimeOf(text: string): string {
  return /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00$/.test(text)
    ? `${text.slice(0, 10)}T${text.slice(11, -3)}Z`
    : text; // infinity, or before Christ
}

/** @see https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function listOf(text: string, element: number): unknown {
  if (!text.startsWith('{')) return text; // one with bounds of its own
  const token = /"((?:[^"\\]|\\.)*)"|[{},]|[^{},"]+/gs;
  const open: unknown[][] = [[]];
  for (const [whole, quoted] of text.matchAll(token)) {
    if (whole === '{') open.push([]);
    else if (whole === '}') {
      const done = open.pop();
      open.at(-1)?.push(done);
    } else if (quoted !== undefined) open.at(-1)?.push(valueOf(quoted.replaceAll(/\\(.)/gs, '$1'), element));
    else if (whole !== ',') open.at(-1)?.push(valueOf(whole === 'NULL' ? null : whole, element));
  }
  return open[0]?.[0];
}
