import { rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';

/** Who looks at one connection's bytes as they pass. */
export type Watching = {
  readonly asked?: (chunk: Buffer) => void;
  readonly answered?: (chunk: Buffer) => void;
};

/** Passes on what a program and a server say to one another, byte for byte, and shows it on the way. */
export async function startRelay(
  serverSocket: string,
  socket: string,
  watch: () => Watching,
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(serverSocket);
    const { asked, answered } = watch();
    for (const one of [client, upstream]) {
      open.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        open.delete(one);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (chunk) => {
      asked?.(chunk);
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      answered?.(chunk);
      client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    url: `unix://${socket}`,
    async close() {
      for (const one of open) one.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(socket, { force: true });
    },
  };
}
