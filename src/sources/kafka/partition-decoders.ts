import { type DecodeFunction, type Reading, readingOf } from './decode.js';
import type { KafkaMessage, Offsets } from './kafka-client.js';
import type { ResolvedOptions } from './options.js';
import type { PatientReader } from './patient-reader.js';
import { readBetween } from './read-between.js';
import { beginningOf } from './topic-watch.js';

type Options<R> = Pick<ResolvedOptions<R>, 'decoder' | 'keyIsId'>;

/** Decodes the messages of each partition by what came before them in it. */
export class PartitionDecoders<R> {
  readonly #options: Options<R>;
  readonly #byPartition = new Map<number, DecodeFunction<R>>();

  constructor(options: Options<R>) {
    this.#options = options;
  }

  /** Learns what is still there of what has to be known of the time before these offsets. */
  async remember(reader: PatientReader, before: Offsets, signal: AbortSignal): Promise<void> {
    const memory = BigInt(this.#options.decoder.memory);
    if (memory === 0n) return;
    const lowest = beginningOf(await reader.topic(signal));
    const from = [...before].map(([partition, offset]) => {
      const low = lowest.get(partition) ?? 0n;
      return [partition, offset - memory > low ? offset - memory : low] as const;
    });
    for await (const message of readBetween(reader, new Map(from), before, signal)) this.read(message);
  }

  read(message: KafkaMessage): Reading<R> {
    const { decoder, keyIsId } = this.#options;
    const decode = this.#byPartition.get(message.partition) ?? decoder.begin();
    this.#byPartition.set(message.partition, decode);
    return readingOf(message, { decode, keyIsId });
  }
}
