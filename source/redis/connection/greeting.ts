import { createConnection } from 'node:net';

const timeoutMs = 500;

/**
 * What a server says to somebody who connects and asks nothing: one that has too many clients, or is in protected mode,
 * answers that and hangs up, which a client that writes at once only meets as a broken pipe. Not asked over TLS.
 */
export function greetingOf(url: string): Promise<string | undefined> {
  const { protocol, hostname, port, pathname } = new URL(url);
  if (protocol === 'rediss:') return Promise.resolve(undefined);
  const where =
    protocol === 'unix:'
      ? { path: decodeURIComponent(pathname) }
      : { host: hostname.replaceAll(/^\[|\]$/g, ''), port: Number(port || 6379) };
  return new Promise((resolve) => {
    const socket = createConnection(where);
    const finish = (text?: string): void => {
      socket.destroy();
      resolve(text);
    };
    socket.setEncoding('utf8');
    socket.setTimeout(timeoutMs, finish);
    socket.once('data', (data) => finish(/^-(.+?)\r?\n/.exec(String(data))?.[1]));
    socket.once('error', () => finish());
    socket.once('end', () => finish());
  });
}
