/** A text between `$…$` that do not occur in it. */
export function dollarQuoted(text: string): string {
  let tag = '$prefetch$';
  for (let n = 1; text.includes(tag); n++) tag = `$prefetch_${n}$`;
  return `${tag}${text}${tag}`;
}
