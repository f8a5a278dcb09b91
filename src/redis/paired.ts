/** The fields of a hash or of a stream entry, which Redis lists as name, value, name, value, … */
export function paired(words: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let i = 0; i < words.length; i += 2) fields[words[i] ?? ''] = words[i + 1] ?? '';
  return fields;
}
