import { setTimeout as pause } from 'node:timers/promises';
import type { TestRedis } from '../support/redis.js';
import type { TcpProxy } from '../support/tcp-proxy.js';
import type { Application } from './application.js';
import type { Crew, Fleet } from './fleet.js';
import type { Judge } from './judge.js';
import type { Random } from './random.js';

/** What faults can lay hands on. */
export interface Victims {
  readonly redis: TestRedis;
  readonly fleet: Fleet;
  /** All web processes reach the Redis of the cache over it. */
  readonly webLine: TcpProxy;
  readonly changes: Application;
  readonly judge: Judge;
  /** Removes all records, as an operator can. Nothing comes of it while Redis is away. */
  readonly clear: () => Promise<unknown>;
  readonly takeoverMs: number;
}

interface FaultContext extends Victims {
  readonly random: Random;
  /** Tells what is done right now. */
  readonly note: (details: string) => void;
}

/** Does some harm; when it resolves, all is repaired. */
export type Fault = (context: FaultContext) => Promise<void>;

export type Faults = Readonly<Record<string, Fault>>;

/** Faults of which one is done after the other. Those of different lanes come together. */
export interface Lane {
  readonly faults: Faults;
  readonly longestPauseMs: number;
}

export function someCrew({ fleet, random }: FaultContext): Crew {
  return fleet.pick(random);
}

/** The one that writes, once there is one. */
export async function writingCrew(context: FaultContext): Promise<Crew> {
  const { crews } = context.fleet;
  const isWriter = ({ worker }: Crew) => worker.state === 'following';
  for (let waits = 0; waits < 100 && !crews.some(isWriter); waits++) await pause(30);
  return crews.find(isWriter) ?? someCrew(context);
}

/** Makes each write of the worker take longer, so that the next one that it has ready is a large one. */
export async function slowDown({ line }: Crew, ms: number): Promise<void> {
  line.delayReplies(150);
  await pause(ms);
}

/** Waits until another worker writes, and has written for a while. */
export async function anotherWrites(crew: Crew, { fleet, random }: FaultContext): Promise<void> {
  const deadline = performance.now() + 4_000;
  const others = fleet.crews.filter((other) => other !== crew);
  while (performance.now() < deadline && !others.some(({ worker }) => worker.state === 'following')) {
    await pause(20);
  }
  await pause(random.integer(50, 600));
}
