import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

export interface TcpProxy {
  readonly url: string;
  /** How many connections were opened until now. */
  readonly connectionsMade: number;
  /** Breaks all connections; new ones are taken. */
  cut(): void;
  /** Breaks all connections and refuses new ones until `up()`. */
  down(): void;
  up(): void;
  /** Breaks the connections as soon as that many more bytes have come from the clients. */
  cutAfterBytes(bytes: number): void;
  /** Keeps what the server answers to itself until `release()`. */
  holdReplies(): void;
  release(): void;
  close(): Promise<void>;
}

/** A line between clients and a server on this machine that a test can break. */
export async function startTcpProxy(port: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let connectionsMade = 0;
  let isDown = false;
  let isHolding = false;
  let bytesLeft = Infinity;

  const cut = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    pairs.clear();
  };

  const server = createServer((client) => {
    client.on('error', () => undefined);
    if (isDown) {
      client.destroy();
      return;
    }
    connectionsMade++;
    const upstream = connect(port, '127.0.0.1');
    const pair = [client, upstream] as const;
    pairs.add(pair);
    upstream.on('error', () => undefined);
    if (isHolding) upstream.pause();
    client.on('data', (bytes) => {
      bytesLeft -= bytes.length;
      if (bytesLeft > 0) {
        upstream.write(bytes);
        return;
      }
      // What came before the end is still on its way to the server, as on a real line.
      upstream.end(bytes.subarray(0, bytes.length + bytesLeft));
      bytesLeft = Infinity;
      pairs.delete(pair);
      client.destroy();
      cut();
    });
    upstream.on('data', (bytes) => client.write(bytes));
    for (const socket of pair) {
      socket.on('close', () => {
        pairs.delete(pair);
        for (const end of pair) if (end !== socket) end.destroySoon();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connectionsMade() {
      return connectionsMade;
    },
    cut,
    down() {
      isDown = true;
      cut();
    },
    up() {
      isDown = false;
    },
    cutAfterBytes(bytes) {
      bytesLeft = bytes;
    },
    holdReplies() {
      isHolding = true;
      for (const [, upstream] of pairs) upstream.pause();
    },
    release() {
      isHolding = false;
      for (const [, upstream] of pairs) upstream.resume();
    },
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
