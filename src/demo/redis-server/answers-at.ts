import { connect, type NetConnectOpts } from 'node:net';

/** True when a Redis server that is done with loading answers there, be it only to say that it wants a password. */
export function answersAt(where: NetConnectOpts, timeoutMs = 1000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(where);
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(timeoutMs, () => {
      end(false);
    });
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (reply) => {
      end(/^(\+PONG|-(?!LOADING))/.test(reply.toString('latin1')));
    });
    socket.once('error', () => {
      end(false);
    });
    socket.once('close', () => {
      end(false);
    });
  });
}
