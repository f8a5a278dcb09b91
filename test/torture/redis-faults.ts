import { setTimeout as pause } from 'node:timers/promises';
import type { Fault, Lane } from './fault.js';

const setBack: Fault = async ({ redis, random, judge, note }) => {
  const copy = await redis.copy();
  const ms = random.integer(100, 1_500);
  await pause(ms);
  note(`as of ${ms} ms ago`);
  await judge.setBack(() => redis.restart(copy));
};

/** Each ends with a Redis that works. */
export const redisFaults: Lane = {
  longestPauseMs: 800,
  faults: {
    flush: async ({ redis, note }) => {
      note('');
      await redis.flush();
    },
    'crash, back empty': async ({ redis, random, note }) => {
      const ms = random.integer(0, 1_000);
      note(`after ${ms} ms`);
      await redis.kill();
      await pause(ms);
      await redis.restart();
    },
    'crash, back with its data': async ({ redis, note }) => {
      note('');
      await redis.restart('kept');
    },
    'crash, back with older data': setBack,
    stall: async ({ redis, random, note }) => {
      const ms = random.integer(200, 2_500);
      note(`for ${ms} ms`);
      redis.stall();
      await pause(ms);
      redis.resume();
    },
    full: async ({ redis, random, note }) => {
      const [ms, bytes] = [random.integer(300, 1_500), random.integer(0, 200_000)];
      note(`after ${bytes} bytes more, for ${ms} ms`);
      await redis.full(bytes);
      await pause(ms);
      await redis.notFull();
    },
    'read-only': async ({ redis, random, note }) => {
      const ms = random.integer(200, 1_500);
      note(`for ${ms} ms`);
      await redis.readOnly();
      await pause(ms);
      await redis.writable();
    },
  },
};

/** For a bout in which nothing else makes the cache load: the changes since then have to come once more. */
export const setBacks: Lane = { longestPauseMs: 1_500, faults: { 'back with older data': setBack } };
