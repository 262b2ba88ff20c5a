import { spawn } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import type { Config } from '../../config.ts';
import { environmentOfHelpers } from '../../environment.ts';
import { messageOf, QuarterdeckError } from '../../errors.ts';
import { formatBytes } from '../../ui/format.ts';

/**
 * Copying to where the person sits, who may be behind ssh and tmux. Nothing of that confirms: we say what was done with
 * the text, never that it arrived. The clipboard is never read.
 *
 * Inside tmux, its own buffer is the one way that works with every setting: tmux drops OSC 52 by default, and wrapping
 * it needs `allow-passthrough`.
 */
export type Clipboard = {
  /**
   * @returns a sentence that says what is known
   * @throws {CopyError} when it is known to have failed
   */
  copy(text: string): Promise<string>;
};

export type ClipboardOptions = {
  readonly config: Pick<Config, 'clipboard' | 'terminal'>;
  /** Hands a sequence to the terminal. */
  readonly send: (sequence: string) => void;
  /** Keeps what is too long to be copied; returns the file. */
  readonly save: (text: string) => string;
};

/** Text that could not be copied. */
export class CopyError extends QuarterdeckError {
  constructor(message: string, hint: string, cause?: unknown) {
    super('program', 'NOT_COPIED', message, { hint, ...(cause !== undefined && { cause }) });
  }
}

/** Of an OSC 52 sequence in base64: what the strictest of the common terminals takes. */
const longestEncoded = 74_994;
const programMs = 3000;

export function makeClipboard({ config, send, save }: ClipboardOptions): Clipboard {
  const osc52 = (text: string): string => {
    const encoded = Buffer.from(text).toString('base64');
    if (encoded.length > longestEncoded) {
      return `Too long to copy (${sizeOf(text)}): saved as ${save(text)}`;
    }
    send(`\u001B]52;c;${encoded}\u0007`);
    return `Sent ${sizeOf(text)} to the terminal (it does not confirm)`;
  };
  const tmux = async (text: string): Promise<string> => {
    // -w: into the clipboard of the terminal that tmux runs in as well, as far as that takes it.
    await feed(['tmux', 'load-buffer', '-w', '-'], text);
    return `Copied ${sizeOf(text)} into the buffer of tmux, and sent to its terminal (which does not confirm)`;
  };

  return {
    async copy(text) {
      const way = config.clipboard;
      if (way === 'off') {
        throw new CopyError('Not copied: copying is off', 'Set `clipboard` in the config file; :save writes');
      }
      if (typeof way !== 'string') {
        await feed(way, text);
        return `Copied ${sizeOf(text)} with ${way[0]}`;
      }
      if (way === 'tmux') return await tmux(text);
      if (way === 'osc52' || !config.terminal.TMUX) return osc52(text);
      try {
        return await tmux(text);
      } catch {
        // Older than 3.2, or it is gone: then the terminal may still take it.
        return osc52(text);
      }
    },
  };
}

function sizeOf(text: string): string {
  const bytes = Buffer.byteLength(text);
  return bytes < 1000 ? `${bytes} B` : formatBytes(bytes);
}

/** Runs a program without a shell, with the text as its stdin. */
async function feed(words: readonly string[], text: string): Promise<void> {
  const [program = '', ...args] = words;
  const child = spawn(program, args, {
    env: environmentOfHelpers(),
    stdio: ['pipe', 'ignore', 'pipe'],
    timeout: programMs,
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaint = (complaint + chunk).slice(0, 500);
  });
  // One that ends without reading is known by its exit code.
  child.stdin.on('error', () => {});
  child.stdin.end(text);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const complained = new Promise((done) => {
    child.stderr.once('close', done);
  });
  const hint = 'Mend the program, or set `clipboard` in the config file; :save writes a file';
  child.on('error', (error) => {
    reject(new CopyError(`Not copied: ${program} cannot be run: ${messageOf(error)}`, hint, error));
  });
  child.on('exit', async (code, signal) => {
    // Some stay behind to serve the clipboard, with our pipe open: the exit of the first is what counts.
    if (code === 0) {
      resolve();
      return;
    }
    // What it complained of may arrive after it is gone.
    await Promise.race([complained, wait(programMs, undefined, { ref: false })]);
    const how = code === null ? `was ended by ${signal}` : `exited ${code}`;
    const said = complaint.trim() === '' ? '' : `: ${complaint.trim().split('\n', 1)[0]}`;
    reject(new CopyError(`Not copied: ${program} ${how}${said}`, hint));
  });
  await promise;
}
