/** The first ids in order, without putting all of them in order. */
export function firstIds(ids: Iterable<string>, limit: number): string[] {
  let first: string[] = [];
  let last: string | undefined;
  const shorten = () => {
    first = first.sort().slice(0, limit);
    last = first.length === limit ? first.at(-1) : undefined;
  };
  for (const id of ids) {
    if (last !== undefined && id > last) continue;
    if (first.push(id) >= 10 * limit) shorten();
  }
  shorten();
  return first;
}
