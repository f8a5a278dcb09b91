import type { KafkaMessage, Offsets } from './kafka-client.js';
import { HeldMessages } from './held-messages.js';
import type { PatientReader } from './patient-reader.js';

/** All messages from some offsets up to others, each partition in its order. */
export async function* readBetween(
  reader: PatientReader,
  from: Offsets,
  until: Offsets,
  signal: AbortSignal,
): AsyncGenerator<KafkaMessage, void, undefined> {
  const held = new HeldMessages(from);
  for (;;) {
    signal.throwIfAborted();
    const wanted = held.wanted(until);
    if (wanted.size === 0) return;
    for (const fetched of await reader.fetch(wanted, signal)) held.hold(fetched);
    for (let message = held.shift(until); message; message = held.shift(until)) {
      yield message;
      held.handedOn(message);
    }
  }
}
