import type { Offsets, TopicState } from './kafka-client.js';
import type { Position } from './position.js';

export interface Finding {
  readonly reload: 'lost-changes' | 'source-changed';
  readonly detail: string;
}

/** Why what comes after a position cannot be had any more, all of it; undefined when it can. */
export function whyNotAfter(position: Position, state: TopicState): Finding | undefined {
  return whyAnother(position, state) ?? whyOutOfReach(position.topic, position.offsets, state);
}

/** Partitions that were added are read from their beginning, so that has to be there. */
export function whyOutOfReach(topic: string, offsets: Offsets, state: TopicState): Finding | undefined {
  const known = new Set(state.partitions.map(({ partition }) => partition));
  for (const partition of offsets.keys()) {
    if (known.has(partition)) continue;
    return changed(
      `The topic ${topic} has no partition ${partition} any more: it is not the one that was read.`,
    );
  }
  for (const { partition, low, high } of state.partitions) {
    const offset = offsets.get(partition) ?? 0n;
    const where = `partition ${partition} of the topic ${topic}`;
    if (offset < low) {
      const detail = `In ${where} everything before offset ${low} was removed, and ${offset} comes next.`;
      return { reload: 'lost-changes', detail };
    }
    if (offset > high)
      return changed(`The ${where} ends at offset ${high}, before ${offset}, which was read.`);
  }
  return undefined;
}

function whyAnother(position: Position, { clusterId, topicId }: TopicState): Finding | undefined {
  if (position.clusterId !== null && clusterId !== null && position.clusterId !== clusterId) {
    return changed(`It is another cluster, ${clusterId}; the checkpoint is one of ${position.clusterId}.`);
  }
  if (position.topicId !== null && topicId !== null && position.topicId !== topicId) {
    return changed(`The topic ${position.topic} was deleted and made anew.`);
  }
  return undefined;
}

function changed(detail: string): Finding {
  return { reload: 'source-changed', detail };
}
