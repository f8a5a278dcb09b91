/**
 * The values of a row that Postgres wrote as one text: `(1,"a ""b""",)`.
 *
 * @see https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX
 */
export function valuesOf(text: string): (string | null)[] {
  if (!text.startsWith('(') || !text.endsWith(')')) throw new Error('A row in the outbox is not one.');
  if (!text.includes('"')) {
    return text
      .slice(1, -1)
      .split(',')
      .map((value) => (value === '' ? null : value));
  }
  const values: (string | null)[] = [];
  for (let at = 1; at < text.length; at++) {
    const isQuoted = text[at] === '"';
    const end = isQuoted ? endOfQuoted(text, at) : endOfPlain(text, at);
    if (isQuoted) values.push(unquoted(text.slice(at + 1, end - 1)));
    else values.push(end === at ? null : text.slice(at, end));
    at = end;
  }
  return values;
}

function endOfPlain(text: string, from: number): number {
  const comma = text.indexOf(',', from);
  return comma === -1 ? text.length - 1 : comma;
}

/** After the closing quote. Within, quotes and backslashes are doubled, and nothing is escaped in another way. */
function endOfQuoted(text: string, from: number): number {
  for (let at = from + 1; ;) {
    const quote = text.indexOf('"', at);
    if (quote === -1) throw new Error('A row in the outbox is not one.');
    if (text[quote + 1] !== '"') return quote + 1;
    at = quote + 2;
  }
}

function unquoted(text: string): string {
  return text.replaceAll('""', '"').replaceAll('\\\\', '\\');
}
