import { createConnection } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { isTlsRefusal } from '../errors.ts';

const timeoutMs = 500;

/**
 * Why a server hangs up on somebody who connects and asks nothing: one that has too many clients, or is in protected mode,
 * answers that, and one that wants a certificate of its clients sends an alert. A client that writes at once only
 * meets a broken pipe.
 * @param tls how the client speaks TLS, if it does
 */
export function greetingOf(url: string, tls?: ConnectionOptions): Promise<Error | undefined> {
  const { protocol, hostname, port, pathname } = new URL(url);
  const where =
    protocol === 'unix:'
      ? { path: decodeURIComponent(pathname) }
      : { host: hostname.replaceAll(/^\[|\]$/g, ''), port: Number(port || 6379) };
  return new Promise((resolve) => {
    const socket = protocol === 'rediss:' ? connectTls({ ...where, ...tls }) : createConnection(where);
    const finish = (error?: Error): void => {
      socket.destroy();
      resolve(error);
    };
    socket.setEncoding('utf8');
    socket.setTimeout(timeoutMs, finish);
    socket.once('data', (data) => {
      const text = /^-(.+?)\r?\n/.exec(String(data))?.[1];
      finish(text === undefined ? undefined : new Error(text));
    });
    socket.once('error', (error) => finish(isTlsRefusal(error) ? error : undefined));
    socket.once('end', () => finish());
  });
}
