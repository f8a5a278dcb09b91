import { type Lsn, formatLsn, parseLsn } from './lsn.js';

/** Where the source stands: after a transaction, or after some changes of one. */
export interface Position {
  /** The end of the last commit; inside a transaction, where its commit record begins. */
  readonly lsn: Lsn;
  /** How many changes of the transaction that commits at `lsn` came before. 0 between transactions. */
  readonly within: number;
  /** Of the server: it grows with every failover. */
  readonly timeline: number;
  /** The fingerprint of the table as it was. */
  readonly layout: string;
}

const pattern = /^([^+@]{3,17})(?:\+([1-9]\d{0,14}))?@(\d{1,10})-([0-9a-f]{16})$/;

export function parsePosition(text: string): Position | undefined {
  const [, place, within = '0', timeline, layout] = pattern.exec(text) ?? [];
  const lsn = parseLsn(place ?? '');
  if (lsn === undefined || lsn === 0n || layout === undefined) return undefined;
  return { lsn, within: Number(within), timeline: Number(timeline), layout };
}

/** @throws when it is not a position of this kind of source */
export function positionOf(text: string): Position {
  const position = parsePosition(text);
  if (!position) throw new Error(`${text} is not a position of a Postgres source.`);
  return position;
}

export function formatPosition({ lsn, within, timeline, layout }: Position): string {
  return `${formatLsn(lsn)}${within > 0 ? `+${within}` : ''}@${timeline}-${layout}`;
}

export function comparePositions(a: Position, b: Position): number {
  if (a.lsn !== b.lsn) return a.lsn < b.lsn ? -1 : 1;
  return a.within - b.within;
}
