import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { ProxiedFlow, type Weather, fairWeather } from './proxied-flow.js';

type Side = 'clients' | 'server';

export interface TcpProxy {
  readonly url: string;
  /** How many connections were opened until now. */
  readonly connectionsMade: number;
  /** Breaks all connections; new ones are taken. */
  cut(): void;
  /** Breaks all connections and refuses new ones until `up()`. */
  down(): void;
  up(): void;
  /** New connections go to another server. */
  redirect(port: number): void;
  /** Breaks the connections as soon as that many more bytes have come from that side, which are passed on. */
  cutAfterBytes(bytes: number, from?: Side): void;
  /** The clients hear that the server says no more. The server hears nothing, whatever they do then. */
  halfClose(): void;
  /** The connections that are there carry nothing any more, and nobody hears of it. New ones are well. */
  freeze(): void;
  /** Keeps what the server answers to itself until `release()`. */
  holdReplies(): void;
  /** Keeps what the clients say to itself until `release()`. Then it arrives, even from a client that is gone. */
  holdRequests(): void;
  release(): void;
  /** True when clients have said this, and it is kept. */
  holds(text: string): boolean;
  /** Lets all that the server answers from now on arrive that much later; 0 ends it. */
  delayReplies(ms: number): void;
  close(): Promise<void>;
}

interface Connection {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly requests: ProxiedFlow;
  readonly replies: ProxiedFlow;
}

/** A line between clients and a server on this machine that a test can break. */
export async function startTcpProxy(port: number): Promise<TcpProxy> {
  let upstreamPort = port;
  const connections = new Set<Connection>();
  const weather: Record<Side, Weather> = { clients: fairWeather(), server: fairWeather() };
  let connectionsMade = 0;
  let isDown = false;

  const cut = () => {
    for (const { client, upstream, requests, replies } of connections) {
      requests.stop();
      replies.stop();
      client.destroy();
      upstream.destroy();
    }
    connections.clear();
  };
  const cutBehind = (connection: Connection, from: Side, rest: Buffer) => {
    weather[from].bytesLeft = Infinity;
    connection.requests.stop();
    connection.replies.stop();
    connections.delete(connection);
    // What came before the end is still on its way, as on a real line.
    const { client, upstream } = connection;
    (from === 'clients' ? upstream : client).end(rest);
    (from === 'clients' ? client : upstream).destroy();
    cut();
  };

  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => undefined);
    if (isDown) {
      client.destroy();
      return;
    }
    connectionsMade++;
    const upstream = connect({ port: upstreamPort, host: '127.0.0.1', allowHalfOpen: true });
    upstream.on('error', () => undefined);
    const connection: Connection = {
      client,
      upstream,
      requests: new ProxiedFlow(client, upstream, weather.clients, (rest) => {
        cutBehind(connection, 'clients', rest);
      }),
      replies: new ProxiedFlow(upstream, client, weather.server, (rest) => {
        cutBehind(connection, 'server', rest);
      }),
    };
    connections.add(connection);
    for (const socket of [client, upstream]) {
      socket.on('close', () => {
        if (client.destroyed && upstream.destroyed) connections.delete(connection);
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const flushAll = () => {
    for (const { requests, replies } of connections) {
      requests.flush();
      replies.flush();
    }
  };

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
    redirect(other) {
      upstreamPort = other;
    },
    cutAfterBytes(bytes, from = 'clients') {
      weather[from].bytesLeft = bytes;
    },
    halfClose() {
      for (const { client, requests } of connections) {
        requests.stop();
        client.end();
      }
    },
    freeze() {
      for (const { requests, replies } of connections) {
        requests.stop();
        replies.stop();
      }
    },
    holdReplies() {
      weather.server.isHeld = true;
    },
    holdRequests() {
      weather.clients.isHeld = true;
    },
    release() {
      weather.clients.isHeld = false;
      weather.server.isHeld = false;
      flushAll();
    },
    holds: (text) => [...connections].some(({ requests }) => requests.holds(text)),
    delayReplies(ms) {
      weather.server.delayMs = ms;
    },
    async close() {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
