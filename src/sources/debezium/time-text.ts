import { Garbage, shown } from './garbage.js';

export type TimeUnit = 'ms' | 'us' | 'ns';

/** Of a second. */
const partsOf: Readonly<Record<TimeUnit, bigint>> = { ms: 1_000n, us: 1_000_000n, ns: 1_000_000_000n };
const digitsOf: Readonly<Record<TimeUnit, number>> = { ms: 3, us: 6, ns: 9 };
const secondsPerDay = 86_400n;
/** What a Date can hold. */
const mostSeconds = 8_640_000_000_000n;

/** `2024-02-29` from days since 1970. */
export function dateText(given: unknown): string {
  return calendarText(wholeNumber(given, 'days since 1970') * secondsPerDay, '', (iso) => {
    return iso.slice(0, iso.indexOf('T'));
  });
}

/** `2024-02-29T12:34:56.789Z` from a time since 1970, with as many digits as there are. */
export function timestampText(given: unknown, unit: TimeUnit): string {
  const all = wholeNumber(given, `${unit} since 1970`);
  const rest = remainder(all, partsOf[unit]);
  const fraction = String(rest).padStart(digitsOf[unit], '0').replace(/0+$/, '');
  return calendarText((all - rest) / partsOf[unit], fraction, (iso) => {
    const digits = fraction === '' ? '' : fraction.padEnd(3, '0');
    return `${iso.slice(0, iso.indexOf('.'))}${digits && `.${digits}`}Z`;
  });
}

/** `12:34:56.789` from a time since midnight. */
export function timeText(given: unknown, unit: TimeUnit): string {
  const all = wholeNumber(given, `${unit} since midnight`);
  const seconds = all / partsOf[unit];
  if (all < 0n || seconds > secondsPerDay) throw new Garbage(`${shown(given)} is no time of a day`);
  const parts = [seconds / 3_600n, (seconds / 60n) % 60n, seconds % 60n];
  const fraction = String(all % partsOf[unit])
    .padStart(digitsOf[unit], '0')
    .replace(/0+$/, '');
  return parts.map((part) => String(part).padStart(2, '0')).join(':') + (fraction && `.${fraction}`);
}

/** Beyond what a Date can hold is what databases have for `infinity`, and nothing else. */
function calendarText(seconds: bigint, fraction: string, cut: (iso: string) => string): string {
  const isBeyond = seconds > mostSeconds || (seconds === mostSeconds && fraction !== '');
  if (isBeyond) return 'infinity';
  if (seconds < -mostSeconds) return '-infinity';
  return cut(new Date(Number(seconds * 1_000n)).toISOString());
}

/** Never negative, so that what is before 1970 counts up, too. */
function remainder(all: bigint, part: bigint): bigint {
  return ((all % part) + part) % part;
}

function wholeNumber(given: unknown, expected: string): bigint {
  const text = typeof given === 'number' || typeof given === 'string' ? String(given) : '';
  if (!/^-?\d{1,20}$/.test(text)) throw new Garbage(`${shown(given)} is not a number of ${expected}`);
  return BigInt(text);
}
