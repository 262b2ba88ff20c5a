import { startRelay } from '../../test/helpers/relay.ts';

/** What passed a meter. */
export type Passed = {
  /** Commands, what scripts call not counted. */
  readonly commands: number;
  /** The words of the longest command. */
  readonly words: number;
  readonly longest: string;
  /** Bytes of the largest reply. */
  readonly replyBytes: number;
};

export type Meter = {
  readonly url: string;
  /** What passed since the last time this was asked. */
  read(): Passed;
  close(): Promise<void>;
};

/** Stands between a program and a server, counts commands, and measures each command and each reply. */
export async function startMeter(serverSocket: string): Promise<Meter> {
  const nothing: Passed = { commands: 0, words: 0, longest: '', replyBytes: 0 };
  let passed = nothing;
  const { url, close } = await startRelay(serverSocket, `${serverSocket}.meter`, () => {
    const requests = new Frames((_bytes, words, name) => {
      const isLongest = words > passed.words;
      passed = { ...passed, commands: passed.commands + 1, ...(isLongest && { words, longest: name }) };
    });
    const replies = new Frames((bytes) => {
      if (bytes > passed.replyBytes) passed = { ...passed, replyBytes: bytes };
    });
    return { asked: (chunk) => requests.read(chunk), answered: (chunk) => replies.read(chunk) };
  });
  return {
    url,
    read() {
      const before = passed;
      passed = nothing;
      return before;
    },
    close,
  };
}

/** Cuts a stream of RESP 2 or 3 into its frames without keeping them. */
class Frames {
  readonly #onFrame: (bytes: number, words: number, name: string) => void;
  #head = '';
  /** Bytes of a text that are still to come. */
  #skip = 0;
  /** How many items each open array lacks. */
  readonly #open: number[] = [];
  #bytes = 0;
  #words = 0;
  #name = '';
  #isNamed = false;

  constructor(onFrame: (bytes: number, words: number, name: string) => void) {
    this.#onFrame = onFrame;
  }

  read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const some = Math.min(this.#skip, chunk.length - at);
        if (!this.#isNamed) this.#name += chunk.toString('latin1', at, at + some).slice(0, 40);
        this.#skip -= some;
        this.#bytes += some;
        at += some;
        if (this.#skip === 0) {
          this.#isNamed = true;
          this.#item();
        }
        continue;
      }
      const end = chunk.indexOf(10, at);
      if (end === -1) {
        this.#head += chunk.toString('latin1', at);
        return;
      }
      this.#head += chunk.toString('latin1', at, end + 1);
      at = end + 1;
      this.#line(this.#head);
      this.#head = '';
    }
  }

  #line(line: string): void {
    this.#bytes += line.length;
    const count = Number(line.slice(1).trim());
    if ('*~>%'.includes(line[0] ?? '')) {
      const items = line.startsWith('%') ? count * 2 : Math.max(0, count);
      if (this.#open.length === 0) this.#words = items;
      if (items === 0) this.#item();
      else this.#open.push(items);
    } else if ('$=!'.includes(line[0] ?? '') && count >= 0) this.#skip = count + 2;
    else this.#item();
  }

  #item(): void {
    while (this.#open.length > 0) {
      const left = (this.#open.pop() ?? 1) - 1;
      if (left > 0) {
        this.#open.push(left);
        return;
      }
    }
    this.#onFrame(this.#bytes, this.#words, this.#name.trim());
    this.#bytes = 0;
    this.#name = '';
    this.#isNamed = false;
  }
}
