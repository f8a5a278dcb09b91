import { once } from 'node:events';
import { type RequestListener, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** @throws Error that says what to do when the port cannot be had */
export async function listen(app: RequestListener, host: string, port: number): Promise<Server> {
  const server = createServer(app).listen(port, host);
  try {
    await once(server, 'listening');
    return server;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw new Error(
      code === 'EADDRINUSE'
        ? `Port ${port} on ${host} is in use. Choose another with --port, or any free one with --port 0.`
        : `Cannot listen on ${host}, port ${port}: ${message}`,
      { cause },
    );
  }
}

/** Where a browser on this machine finds it. */
export function urlOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  if (address === '0.0.0.0' || address === '::') return `http://localhost:${port}/`;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/`;
}

/** Stops accepting, lets running requests end, and after a while does not wait for them any more. */
export async function closeServer(server: Server, patienceMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  const idle = setInterval(() => {
    server.closeIdleConnections();
  }, 20);
  const last = setTimeout(() => {
    server.closeAllConnections();
  }, patienceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(last);
}
