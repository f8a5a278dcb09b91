import type { RedisClient } from './client.js';
import { TimelyReader } from './timely-reader.js';

/** Long for one command, and short for somebody who waits for a page. */
const deadlineMs = 5_000;

/** The same client for people's questions: each is answered in time, or fails, and none waits for a Redis that is gone. */
export function timelyClient(client: RedisClient): RedisClient {
  const reader = new TimelyReader(client);
  const sendCommand: RedisClient['sendCommand'] = (...command) =>
    reader.read(deadlineMs, () => client.sendCommand(...command));
  return new Proxy(client, {
    get(target, name) {
      if (name === 'sendCommand') return sendCommand;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}
