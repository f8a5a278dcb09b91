/** A string, or a number that is not part of a word. */
const tokens = /"[^"\\]*(?:\\[^][^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const mayBeTooLong = /\d{16}/;

/** JSON, but a whole number that a JavaScript number cannot hold comes as the text of its digits. */
export function parseExactly(text: string): unknown {
  return JSON.parse(mayBeTooLong.test(text) ? text.replace(tokens, asItIs) : text) as unknown;
}

function asItIs(token: string): string {
  if (token.length < 16 || !/^-?\d+$/.test(token)) return token;
  return Number.isSafeInteger(Number(token)) ? token : `"${token}"`;
}
