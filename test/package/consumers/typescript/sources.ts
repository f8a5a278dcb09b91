import type { ChangeSource } from 'express-prefetch-cache';
import { DebeziumRedisSource, debeziumMessages } from 'express-prefetch-cache/debezium';
import {
  type Kafkajs,
  type PlatformaticConsumer,
  KafkaSource,
  kafkajsClient,
  platformaticClient,
} from 'express-prefetch-cache/kafka';
import { MemoryPrimary } from 'express-prefetch-cache/memory';
import { OutboxSource } from 'express-prefetch-cache/outbox';
import { PostgresSource, preparePostgres } from 'express-prefetch-cache/postgres';
import { RedisStreamSource } from 'express-prefetch-cache/redis-stream';
import { createClient } from 'redis';
import type { Entity } from 'redis-om';

interface Category extends Entity {
  id: string;
  name: string;
}

declare const kafka: Kafkajs;
declare const consumer: () => PlatformaticConsumer;

const client = createClient();
const table = { connection: 'postgres://localhost/shop', table: 'category' };
const rows = () => [{ id: 'cat-001', name: 'Beverages' }];

export const sources: ChangeSource<Category>[] = [
  new DebeziumRedisSource<Category>({ client, stream: 'shop.public.category', snapshot: rows }),
  new KafkaSource<Category>({ client: platformaticClient(consumer), topic: 'category' }),
  new KafkaSource<Category>({
    client: kafkajsClient(kafka),
    topic: 'shop.public.category',
    decode: debeziumMessages<Category>(),
    snapshot: rows,
  }),
  new MemoryPrimary<Category>({ records: rows() }),
  new OutboxSource<Category>(table),
  new PostgresSource<Category>({ ...table, map: ({ id, name }) => ({ id: id ?? '', name: name ?? '' }) }),
  new RedisStreamSource<Category>({ client, stream: 'categories', snapshot: rows }),
];

export const isReady: Promise<boolean> = preparePostgres(table).then((report) => report.isReady);
