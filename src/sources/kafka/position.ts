import type { Offsets, TopicState } from './kafka-client.js';

/** Where a reader stands in a topic. */
export interface Position {
  readonly clusterId: string | null;
  readonly topic: string;
  readonly topicId: string | null;
  readonly offsets: Offsets;
  /** Whatever was in the topic at this time lies before the position. */
  readonly asOfMs: number;
}

const longest = 100_000;
const form = /^([\w.%-]{1,100})\/([\w.-]{1,249})\/([\w.-]{1,64})@([\d:,]+)~(\d{1,15})$/;
const offsetForm = /^(0|[1-9]\d{0,9}):(0|[1-9]\d{0,18})$/;
const unknown = '-';

/** Such as `cluster/topic/id@0:17,1:4~1700000000000`. */
export function formatPosition({ clusterId, topic, topicId, offsets, asOfMs }: Position): string {
  const sorted = [...offsets].sort(([a], [b]) => a - b);
  const list = sorted.map(([partition, offset]) => `${partition}:${offset}`).join(',');
  const cluster = clusterId === null ? unknown : escaped(clusterId);
  return `${cluster}/${topic}/${topicId ?? unknown}@${list}~${Math.floor(asOfMs)}`;
}

/** Undefined when it is not a position of a topic. */
export function parsePosition(text: string): Position | undefined {
  if (text.length > longest) return undefined;
  const [, cluster = '', topic = '', topicId = '', list = '', asOfMs = ''] = form.exec(text) ?? [];
  const clusterId = cluster === unknown ? null : unescaped(cluster);
  if (topic === '' || clusterId === undefined) return undefined;
  const offsets = new Map<number, bigint>();
  let last = -1;
  for (const item of list.split(',')) {
    const [, partition, offset] = offsetForm.exec(item) ?? [];
    if (partition === undefined || offset === undefined || Number(partition) <= last) return undefined;
    last = Number(partition);
    offsets.set(last, BigInt(offset));
  }
  return {
    clusterId,
    topic,
    topicId: topicId === unknown ? null : topicId,
    offsets,
    asOfMs: Number(asOfMs),
  };
}

/**
 * Positions of one session lie on one chain: none has read more of one partition and less of another. So the sums
 * tell which is the earlier one.
 */
export function comparePositions(a: string, b: string): number {
  const difference = sumOf(a) - sumOf(b);
  return difference === 0n ? 0 : difference < 0n ? -1 : 1;
}

export function positionIn(topic: string, state: TopicState, offsets: Offsets, asOfMs: number): Position {
  return { clusterId: state.clusterId, topic, topicId: state.topicId, offsets, asOfMs };
}

export function hasReached(offsets: Offsets, target: Offsets): boolean {
  for (const [partition, offset] of target) {
    if ((offsets.get(partition) ?? 0n) < offset) return false;
  }
  return true;
}

function escaped(clusterId: string): string {
  if (clusterId === unknown) return '%2D';
  return encodeURIComponent(clusterId).replace(/[!'()*~]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`);
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function sumOf(position: string): bigint {
  let sum = 0n;
  for (const offset of parsePosition(position)?.offsets.values() ?? []) sum += offset;
  return sum;
}
