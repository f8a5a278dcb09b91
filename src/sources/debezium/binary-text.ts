import { Garbage, shown } from './garbage.js';

/** `-12.50` from the bytes of the whole number 1250, signed, the highest first, as base64. */
export function decimalText(given: unknown, scale: number): string {
  if (typeof given === 'number' || isDecimal(given)) return String(given); // decimal.handling.mode
  const bytes = bytesOf(given);
  if (bytes.length === 0) throw new Garbage(`${shown(given)} is no decimal`);
  const unscaled = BigInt.asIntN(8 * bytes.length, bytesAsNumber(bytes));
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(Math.max(scale, 0) + 1, '0');
  const sign = unscaled < 0n ? '-' : '';
  if (scale <= 0) return unscaled === 0n ? '0' : `${sign}${digits}${'0'.repeat(-scale)}`;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Of a column whose values have scales of their own. */
export function variableDecimalText(given: unknown): string {
  if (typeof given !== 'object' || given === null) return decimalText(given, 0);
  const { scale, value } = given as { scale?: unknown; value?: unknown };
  return decimalText(value, scaleOf(scale));
}

export function scaleOf(given: unknown): number {
  const scale = Number(given);
  if (!Number.isSafeInteger(scale) || Math.abs(scale) > 100_000)
    throw new Garbage(`${shown(given)} is no scale`);
  return scale;
}

/** `1010` from bits as base64, the lowest byte first. */
export function bitsText(given: unknown, length: number): string {
  const bits = bytesAsNumber(bytesOf(given).reverse()).toString(2);
  return length <= 65_536 ? bits.padStart(length, '0') : bits;
}

function bytesAsNumber(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

const base64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/;

function bytesOf(given: unknown): Buffer {
  if (typeof given !== 'string' || !base64.test(given)) {
    throw new Garbage(`${shown(given)} is not base64`);
  }
  return Buffer.from(given, 'base64');
}

/** What cannot be base64, and `Infinity`, which nobody means as base64; `1250` could be both, and is base64. */
function isDecimal(given: unknown): given is string {
  return typeof given === 'string' && /^(?:-?\d*\.\d+|-\d+|NaN|-?Infinity)$/.test(given);
}
