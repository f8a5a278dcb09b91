/** What is before every entry of any stream. */
export const beforeAll = '0-0';

/** 9 September 2001: an id below was chosen by whoever wrote the entry, not made by Redis from the time. */
const firstTimeMs = 1e12;

export function isEntryId(text: string): boolean {
  return /^\d{1,20}-\d{1,20}$/.test(text) && partsOf(text).every((part) => part < 2n ** 64n);
}

/** Negative when a is before b, 0 when they are the same, positive when a is after b. */
export function compareEntryIds(a: string, b: string): number {
  const [aMs, aSequence] = partsOf(a);
  const [bMs, bSequence] = partsOf(b);
  return order(aMs, bMs) || order(aSequence, bSequence);
}

/** When Redis took the entry in, in milliseconds since 1970; undefined when the id does not say. */
export function timeOf(id: string): number | undefined {
  const ms = Number(id.slice(0, id.indexOf('-')));
  return ms >= firstTimeMs && Number.isSafeInteger(ms) ? ms : undefined;
}

/** An id that is after it, whatever the time is. */
export function idAfter(id: string): string {
  return `${partsOf(id)[0] + 1n}-0`;
}

function order(a: bigint, b: bigint): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Both parts have 64 bits, which is more than a number holds. */
function partsOf(id: string): [bigint, bigint] {
  const dash = id.indexOf('-');
  return [BigInt(id.slice(0, dash)), BigInt(id.slice(dash + 1))];
}
