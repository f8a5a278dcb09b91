import type { TestClient } from './redis.js';

type OnCommand = (words: readonly string[], send: () => Promise<unknown>) => Promise<unknown>;

/** The same client, but every command goes through `onCommand`, which sends it, or does something before or after. */
export function watchedClient(client: TestClient, onCommand: OnCommand): TestClient {
  const sendCommand = (words: readonly string[], options?: object) =>
    onCommand(words, () => client.sendCommand([...words], options));
  return new Proxy(client, {
    get(target, property) {
      if (property === 'sendCommand') return sendCommand;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

export interface Diary {
  readonly client: TestClient;
  /** `> GET` when a command was sent, `< GET` when its reply came. */
  readonly lines: string[];
}

/** Writes down what is sent and answered, in order. */
export function withDiary(client: TestClient): Diary {
  const lines: string[] = [];
  const watched = watchedClient(client, async ([name = ''], send) => {
    lines.push(`> ${name}`);
    try {
      return await send();
    } finally {
      lines.push(`< ${name}`);
    }
  });
  return { client: watched, lines };
}
