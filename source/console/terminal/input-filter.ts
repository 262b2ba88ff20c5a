import { Readable } from 'node:stream';
import { formatCount } from '../../ui/format.ts';
import { makeByteDecoder } from './decode-bytes.ts';

/**
 * Stands between the terminal and Ink: takes out what a terminal says by itself (mouse, focus, colour and cursor
 * reports, device attributes), which Ink would hand on as typed text, and tells those who asked for it. A paste comes
 * through whole or not at all.
 */

const pasteStart = '\u001B[200~';
const pasteEnd = '\u001B[201~';
const interrupt = '\u0003';
const longestPaste = 256 * 1024;
const longestReply = 4096;

/** Strings that end with ST or BEL: OSC, DCS, SOS, PM, APC, by their second character. */
const stringReply = /^\u001B[\]PX^_][^\u0007\u001B]*(?:\u0007|\u001B\\)/;
const openStringReply = /^\u001B[\]PX^_][^\u0007\u001B]*\u001B?$/;
/** SGR mouse, X10 mouse, focus in and out, cursor position, private replies and mode reports. */
const controlReply = /^\u001B\[(?:<[\d;]*[Mm]|M[\s\S]{3}|[IO]|\d+;\d+R|[?>=][\d;]*[$]?[A-Za-z])/;
const openControlReply = /^\u001B(?:\[(?:<[\d;]*|M[\s\S]{0,2}|[?>=][\d;]*[$]?|[\d;]*)?)?$/;

/** The beginning of an answer to what we ask, which nobody can have typed. */
const answer = /^\u001B(?:\]11;|\[\?)/;

export type InputFilter = {
  /** What of this chunk is typing. The start of a reply that is not complete yet is held back. */
  push(chunk: string): string;
  /** What was held back, when nothing followed: it was typed after all, such as Alt-]. */
  flush(): string;
  /** What would be flushed. */
  held(): string;
};

/**
 * @param onRefused called with why a paste was left out
 * @param onReply handed what the terminal said by itself, whole
 */
export function makeInputFilter(
  onRefused: (sentence: string) => void = () => {},
  onReply: (sequence: string) => void = () => {},
): InputFilter {
  let held = '';
  let isPasting = false;
  /** As much of a paste as may come through, and how long it is. */
  let paste = '';
  let pasted = 0;

  const endPaste = (): string => {
    isPasting = false;
    if (pasted > longestPaste) {
      const most = formatCount(longestPaste);
      onRefused(`Not put in: it is too long (${formatCount(pasted)} characters, at most ${most})`);
      return '';
    }
    if (paste.isWellFormed()) return pasteStart + paste + pasteEnd;
    onRefused('Not put in: it is not UTF-8');
    return '';
  };

  const push = (chunk: string): string => {
    // The end of a paste that was lost on the way must not lock the keyboard: a lone Ctrl-C ends it.
    if (isPasting && chunk === interrupt) {
      held = '';
      return endPaste() + interrupt;
    }
    let rest = held + chunk;
    let typed = '';
    held = '';
    while (rest !== '') {
      if (isPasting) {
        const end = rest.indexOf(pasteEnd);
        // The end marker itself may be cut in two.
        const body = end === -1 ? rest.slice(0, rest.length - cutMarker(rest)) : rest.slice(0, end);
        if (pasted <= longestPaste) paste += body;
        pasted += body.length;
        if (end === -1) {
          held = rest.slice(body.length);
          break;
        }
        typed += endPaste();
        rest = rest.slice(end + pasteEnd.length);
        continue;
      }
      const start = rest.indexOf('\u001B');
      if (start === -1) {
        typed += rest;
        break;
      }
      typed += rest.slice(0, start);
      rest = rest.slice(start);
      if (rest.startsWith(pasteStart)) {
        isPasting = true;
        paste = '';
        pasted = 0;
        rest = rest.slice(pasteStart.length);
        continue;
      }
      const reply = stringReply.exec(rest)?.[0] ?? controlReply.exec(rest)?.[0];
      if (reply !== undefined) {
        rest = rest.slice(reply.length);
        onReply(reply);
        continue;
      }
      if ((openStringReply.test(rest) || openControlReply.test(rest)) && rest.length <= longestReply) {
        held = rest;
        break;
      }
      typed += rest[0];
      rest = rest.slice(1);
    }
    return typed;
  };

  return {
    push,
    flush() {
      const typed = isPasting || answer.test(held) ? '' : held;
      if (!isPasting) held = '';
      return typed;
    },
    held: () => (isPasting ? '' : held),
  };
}

/** How many characters at the end may be the beginning of the paste's end marker. */
function cutMarker(text: string): number {
  for (let length = pasteEnd.length - 1; length > 0; length -= 1) {
    if (text.endsWith(pasteEnd.slice(0, length))) return length;
  }
  return 0;
}

/** The part of a terminal's input stream that Ink uses. */
export type TerminalInput = Readable & {
  readonly isTTY?: boolean;
  setRawMode?(isRaw: boolean): unknown;
  ref?(): unknown;
  unref?(): unknown;
};

/** How long the rest of a reply may take. A lone Escape is most likely the key, which should not be felt to wait. */
const flushAfterMs = { escape: 5, reply: 50, answer: 2000 };

function waitFor(held: string): keyof typeof flushAfterMs {
  if (held === '\u001B') return 'escape';
  return answer.test(held) ? 'answer' : 'reply';
}

/** A stream of typing only, which Ink can read as if it were the terminal. */
export class FilteredInput extends Readable {
  readonly isTTY = true;
  readonly #source: TerminalInput;
  /** Called with why something of what came in was left out. */
  onRefused: ((sentence: string) => void) | undefined;
  /** Handed what the terminal said by itself: an answer, a change of its colours, what the mouse did. */
  onReply: ((sequence: string) => void) | undefined;
  readonly #filter = makeInputFilter(
    (sentence) => this.onRefused?.(sentence),
    (sequence) => this.onReply?.(sequence),
  );
  readonly #decoder = makeByteDecoder();
  #timer: NodeJS.Timeout | undefined;

  constructor(source: TerminalInput) {
    super();
    this.#source = source;
    source.on('data', this.#hear);
  }

  setRawMode(isRaw: boolean): this {
    this.#source.setRawMode?.(isRaw);
    return this;
  }

  ref(): this {
    this.#source.ref?.();
    this.#source.resume();
    return this;
  }

  unref(): this {
    this.#source.unref?.();
    return this;
  }

  /** Stops reading, so that another program may. */
  pauseSource(): void {
    clearTimeout(this.#timer);
    this.#source.off('data', this.#hear);
    this.#source.pause();
  }

  resumeSource(): void {
    this.#source.off('data', this.#hear);
    this.#source.on('data', this.#hear);
    this.#source.resume();
  }

  /** Hands the terminal's input back for good; whoever reads here hears its end. */
  detach(): void {
    this.pauseSource();
    this.push(null);
  }

  override _read(): void {}

  readonly #hear = (chunk: Buffer | string): void => {
    clearTimeout(this.#timer);
    this.#pass(this.#filter.push(typeof chunk === 'string' ? chunk : this.#decoder.push(chunk)));
    if (this.#filter.held() === '' && !this.#decoder.isWaiting()) return;
    this.#timer = setTimeout(
      () => this.#pass(this.#filter.push(this.#decoder.flush()) + this.#filter.flush()),
      flushAfterMs[waitFor(this.#filter.held())],
    );
  };

  #pass(typed: string): void {
    if (typed === '') return;
    const clean = typed.replaceAll(/\p{Surrogate}/gu, '');
    if (clean !== typed) this.onRefused?.('Not put in: the terminal sent what is not UTF-8');
    if (clean !== '') this.push(clean, 'utf8');
  }
}
