import type { Model } from './model.js';
import type { SourceKind } from './options.js';
import { startOutboxPrimary, startReplicatedPrimary } from './postgres/postgres-primary.js';
import type { Primary } from './primary.js';
import type { Random } from './random.js';
import { startRedisPrimary } from './redis-primary.js';

const starts: Readonly<Record<SourceKind, (model: Model, random: Random) => Promise<Primary>>> = {
  'redis-stream': startRedisPrimary,
  postgres: startReplicatedPrimary,
  outbox: startOutboxPrimary,
};

export function startPrimary(kind: SourceKind, model: Model, random: Random): Promise<Primary> {
  return starts[kind](model, random);
}
