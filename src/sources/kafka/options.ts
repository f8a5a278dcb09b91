import { optionError } from '../../errors.js';
import { milliseconds, refuseUnknownOptions } from '../../options.js';
import type { SourceWarning } from '../../sync/source.js';
import { type DecodeFunction, type Decoding, type RememberingDecoder, decodeJson } from './decode.js';
import type { KafkaClient } from './kafka-client.js';
import type { RecordsFunction } from './records-snapshot.js';

const hourMs = 3_600_000;

export interface KafkaSourceOptions<R> {
  /** What reads Kafka: `kafkajsClient(…)`, `platformaticClient(…)`, or a client of your own. */
  readonly client: KafkaClient;
  /** The topic; all its partitions are read. */
  readonly topic: string;
  /**
   * Makes changes of a message, the same ones whenever it is asked. What it throws becomes the reason of a dead letter.
   * What remembers earlier messages, such as `debeziumMessages()`, needs a function as `snapshot`.
   * @default the key is the id, the value the record in JSON, and a tombstone removes the record
   */
  readonly decode?: DecodeFunction<R> | RememberingDecoder<R> | undefined;
  /**
   * Where all records come from: the topic itself, which has to be compacted then or keep everything, or a function
   * that reads them from the primary when it is called.
   * @default 'topic'
   */
  readonly snapshot?: 'topic' | RecordsFunction<R> | undefined;
  /**
   * The topic's `delete.retention.ms`: for how long a tombstone stays. A worker that was away for longer loads anew.
   * False for a topic that is not compacted.
   * @default 86400000, as of Kafka
   */
  readonly deleteRetentionMs?: number | false | undefined;
  /**
   * For how long the cluster may be away before the source fails, and is opened again by the worker.
   * @default 30000
   */
  readonly reconnectWithinMs?: number | undefined;
  /**
   * How often to look whether the topic is still the same one and has new partitions.
   * @default 10000
   */
  readonly topicCheckMs?: number | undefined;
  /** Hears of what an operator should know before it becomes a failure; the worker publishes it anyway. */
  readonly onWarning?: ((warning: SourceWarning) => void) | undefined;
}

export interface ResolvedOptions<R> extends Pick<Decoding<R>, 'keyIsId'> {
  readonly client: KafkaClient;
  readonly topic: string;
  readonly decoder: RememberingDecoder<R>;
  readonly snapshot: 'topic' | RecordsFunction<R>;
  readonly deleteRetentionMs: number;
  readonly heartbeatMs: number;
  readonly reconnectWithinMs: number;
  readonly topicCheckMs: number;
  readonly onWarning: (warning: SourceWarning) => void;
}

const names: readonly (keyof KafkaSourceOptions<unknown>)[] = [
  'client',
  'topic',
  'decode',
  'snapshot',
  'deleteRetentionMs',
  'reconnectWithinMs',
  'topicCheckMs',
  'onWarning',
];

/** @throws PrefetchError */
export function resolveOptions<R extends object>(options: KafkaSourceOptions<R>): ResolvedOptions<R> {
  refuseUnknownOptions('KafkaSource', options, names);
  const { client, topic, decode = decodeJson<R>, snapshot = 'topic', onWarning = () => undefined } = options;
  const { deleteRetentionMs = 24 * hourMs, reconnectWithinMs = 30_000, topicCheckMs = 10_000 } = options;
  if (typeof (client as Partial<KafkaClient> | null | undefined)?.open !== 'function') {
    throw optionError('client', 'kafkajsClient(…), platformaticClient(…) or another KafkaClient', client);
  }
  if (typeof topic !== 'string' || !/^[\w.-]{1,249}$/.test(topic)) {
    throw optionError('topic', 'the name of a topic', topic);
  }
  if (typeof onWarning !== 'function') throw optionError('onWarning', 'a function', onWarning);
  if (snapshot !== 'topic' && typeof snapshot !== 'function') {
    throw optionError('snapshot', "'topic' or a function that gives all records", snapshot);
  }
  const decoder = decoderOf<R>(decode);
  if (snapshot === 'topic' && typeof decode !== 'function') {
    const expected = 'a function that gives all records, where `decode` remembers what came before';
    throw optionError('snapshot', expected, snapshot);
  }
  const retentionMs = deleteRetentionMs === false ? Infinity : retention(deleteRetentionMs);
  return Object.freeze({
    client,
    topic,
    decoder,
    keyIsId: options.decode === undefined,
    snapshot,
    deleteRetentionMs: retentionMs,
    heartbeatMs: Math.min(hourMs, retentionMs / 24),
    reconnectWithinMs: milliseconds('reconnectWithinMs', reconnectWithinMs),
    topicCheckMs: milliseconds('topicCheckMs', topicCheckMs),
    onWarning,
  });
}

function decoderOf<R>(given: DecodeFunction<R> | RememberingDecoder<R>): RememberingDecoder<R> {
  if (typeof given === 'function') return { memory: 0, begin: () => given };
  if (isRemembering(given)) return given;
  throw optionError('decode', 'a function of a message, or what remembers, as debeziumMessages()', given);
}

function isRemembering(given: unknown): boolean {
  const decoder = given as { begin?: unknown; memory?: unknown } | null;
  return (
    typeof decoder?.begin === 'function' &&
    typeof decoder.memory === 'number' &&
    Number.isSafeInteger(decoder.memory) &&
    decoder.memory >= 0
  );
}

function retention(given: unknown): number {
  if (typeof given === 'number' && given > 0) return given;
  throw optionError('deleteRetentionMs', 'a number of milliseconds > 0, or false', given);
}
