import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startRelay } from './relay.ts';

/** What stands between one user and a server, and notes every command that they send. */
export type RecordingProxy = {
  readonly url: string;
  readonly sent: readonly (readonly string[])[];
  close(): Promise<void>;
};

export async function startRecordingProxy(serverSocket: string): Promise<RecordingProxy> {
  const directory = mkdtempSync(path.join(tmpdir(), 'quarterdeck-test-'));
  const sent: (readonly string[])[] = [];
  const relay = await startRelay(serverSocket, path.join(directory, 'p'), () => ({
    asked: reader((words) => sent.push(words)),
  }));
  return {
    url: relay.url,
    sent,
    async close() {
      await relay.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Requests are arrays of bulk strings. */
function reader(onCommand: (words: readonly string[]) => void): (chunk: Buffer) => void {
  let rest = '';
  const parse = (): boolean => {
    const head = /^\*(\d+)\r\n/.exec(rest);
    if (!head) return false;
    let at = head[0].length;
    const words: string[] = [];
    for (let i = 0; i < Number(head[1]); i += 1) {
      const end = rest.indexOf('\r\n', at);
      if (end === -1) return false;
      const length = Number(rest.slice(at + 1, end));
      if (rest.length < end + 4 + length) return false;
      words.push(Buffer.from(rest.slice(end + 2, end + 2 + length), 'latin1').toString());
      at = end + 4 + length;
    }
    rest = rest.slice(at);
    onCommand(words);
    return true;
  };
  return (chunk) => {
    rest += chunk.toString('latin1');
    while (parse());
  };
}
