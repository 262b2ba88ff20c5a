import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { isIPv6 } from 'node:net';
import { messageOf, QuarterdeckError } from '../../errors.ts';
import { contentType } from './exposition.ts';

export type Answers = {
  /** The last reading; undefined when there is none that is not too old. */
  metrics(): string | undefined;
  isReady(): boolean;
};

/** The address cannot be listened on. */
export class ListenError extends QuarterdeckError {
  constructor(address: string, cause: unknown) {
    super('usage', 'CANNOT_LISTEN', `Cannot listen on ${address}: ${messageOf(cause)}`, {
      cause,
      hint: 'Choose another --listen HOST:PORT',
    });
  }
}

/**
 * Serves `/metrics`, `/healthz` (this process) and `/readyz` (Redis answered lately) until the signal. What is asked
 * costs Redis nothing: a scrape gets the last reading.
 * @returns the URL, once it listens, and what ends it
 * @throws {ListenError}
 */
export async function serve(
  { host, port }: { readonly host: string; readonly port: number },
  answers: Answers,
): Promise<{ readonly url: string; close(): void }> {
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5000 },
    ({ method, url }, response) => {
      const isRead = method === 'GET' || method === 'HEAD';
      if (!isRead) return answer(response, 405, 'text/plain', 'GET only\n');
      const [path] = (url ?? '').split('?');
      if (path === '/healthz') return answer(response, 200, 'text/plain', 'ok\n');
      if (path === '/readyz') {
        const isReady = answers.isReady();
        return answer(
          response,
          isReady ? 200 : 503,
          'text/plain',
          isReady ? 'ok\n' : 'Redis did not answer lately\n',
        );
      }
      if (path !== '/metrics')
        return answer(response, 404, 'text/plain', 'See /metrics, /healthz, /readyz\n');
      const metrics = answers.metrics();
      if (metrics === undefined) return answer(response, 503, 'text/plain', 'Nothing was read yet\n');
      return answer(response, 200, contentType, metrics);
    },
  );
  server.maxConnections = 100;
  const shown = isIPv6(host) ? `[${host}]` : host;
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new ListenError(`${shown}:${port}`, error);
  }
  const address = server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${shown}:${actual}/metrics`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}
