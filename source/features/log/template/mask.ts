import {
  classOf,
  digit,
  ending,
  isAddressPart,
  isCallName,
  isDateWord,
  isLevel,
  isNamedValue,
  isProse,
  isRequestLine,
  joining,
  letter,
  restates,
  space,
  structural,
  syslogHeaderEnd,
  unitEnd,
  upper,
  wild,
} from './mask-rules.ts';
import {
  closeOf,
  closeOfQuote,
  codes,
  endOfDots,
  endOfSentence,
  endOfUrl,
  isApostrophe,
  isPadded,
  isScheme,
  opensQuote,
  skipSpaces,
  startsPath,
} from './mask-shapes.ts';

/**
 * Masking: the part of template mining that needs no memory.
 *
 * One pass over a line replaces what is variable by its form alone with `<*>`: any word with a digit in it
 * (numbers, hex, UUIDs, addresses, host names, durations, sizes), dates, paths, URLs, qualified names, quoted
 * strings, the values of `key=value`. Wildcards that only punctuation keeps apart become one, so lists and dates
 * of any length look alike. Two processes that never met mask a line alike: it is a pure function, and the same
 * for every kind of log. Words that vary without showing it, such as user names, are left to `Miner`.
 *
 * Text without anything variable stays exactly as it is, so plain messages share their count with programs that
 * count texts.
 */
export function mask(text: string): string {
  return scanner.mask(text);
}

class Scanner {
  #line = '';
  #out = '';
  /** Up to here the line is in `#out`. */
  #done = 0;
  /** Whether `#out` ends with a wildcard that stands at `#done`. */
  #afterWild = false;
  /** Still in front of the message: only wildcards, levels and brackets so far. */
  #inHeader = true;
  #hasWild = false;
  /** Where quoted text that is being taken apart ends. */
  #closing = -1;

  mask(text: string): string {
    const line = text.trimEnd();
    this.#line = line;
    this.#out = '';
    this.#done = 0;
    this.#afterWild = false;
    this.#inHeader = true;
    this.#hasWild = false;
    this.#closing = -1;

    let at = syslogHeaderEnd(line);
    if (at > 0) this.#mask(0, at);
    while (at < line.length) {
      const bits = classOf(line.charCodeAt(at));
      if (bits & space) at += 1;
      else if (bits & structural) at = this.#punctuation(at);
      else at = this.#word(at);
    }
    const result = this.#hasWild ? evenlySpaced(this.#out + this.#gap(line.length)) : line;
    this.#line = '';
    this.#out = '';
    return result.length > 2 * mostWords ? shortened(result) : result;
  }

  /** Replaces `line[start, end)`; joins it to the wildcard before if only punctuation lies between. */
  #mask(start: number, end: number): number {
    const line = this.#line;
    const sign = line.charCodeAt(start - 1);
    const isSigned = sign === codes.less || sign === codes.greater;
    const from = isSigned && (start === 1 || line.charCodeAt(start - 2) === codes.space) ? start - 1 : start;
    let joins = this.#afterWild;
    for (let i = this.#done; joins && i < from; i += 1) {
      joins = (classOf(line.charCodeAt(i)) & joining) !== 0;
    }
    if (!joins) this.#out += this.#gap(from) + wild;
    this.#done = end;
    this.#afterWild = true;
    this.#hasWild = true;
    return end;
  }

  /** The literal text up to `end`; padding beside a wildcard is one space, whatever the width of the value was. */
  #gap(end: number): string {
    const line = this.#line;
    let from = this.#done;
    let to = end;
    if (this.#afterWild) while (isPadded(line, from)) from += 1;
    if (to < line.length) while (to - 2 >= from && isPadded(line, to - 2)) to -= 1;
    return line.slice(from, to);
  }

  #word(start: number): number {
    const line = this.#line;
    let bits = 0;
    let end = start;
    for (; end < line.length; end += 1) {
      const code = line.charCodeAt(end);
      let found = classOf(code);
      if (found & (space | structural)) {
        if (code !== codes.singleQuote || !isApostrophe(line, end)) break;
        found = letter;
      }
      if (code === codes.dot && line.charCodeAt(end + 1) === codes.dot) break;
      bits |= found;
    }
    if (end === start) return endOfDots(line, start);
    if (isScheme(line, start, end) || startsPath(line, start)) {
      return this.#mask(start, endOfUrl(line, start));
    }
    const last = endOfSentence(line, start, end);

    if (bits & digit) {
      if (line.charCodeAt(end) === codes.openParen && isCallName(line.slice(start, end))) return end;
      const isNumber = (classOf(line.charCodeAt(last - 1)) & digit) !== 0;
      return Math.max(end, this.#mask(start, isNumber ? unitEnd(line, last) : last));
    }
    if (bits & letter && this.#isValue(start, last, bits)) this.#mask(start, last);
    return end;
  }

  /** Whether a word without digits is a value; in passing, whether it ends the header. */
  #isValue(start: number, end: number, bits: number): boolean {
    const line = this.#line;
    const touchesWild = this.#afterWild && start - this.#done <= 2;
    // Most words are small and plain: nothing is asked of them.
    const isPlain = (bits & joining) === 0 && !touchesWild && (classOf(line.charCodeAt(start)) & upper) === 0;
    if (isPlain && !this.#inHeader) return false;
    const word = line.slice(start, end);
    if (touchesWild && line.charCodeAt(start - 1) === codes.colon && isAddressPart(word)) return true;
    if (bits & joining ? isNamedValue(word) : !isPlain && isDateWord(line, word, end, touchesWild))
      return true;
    if (this.#inHeader && !isLevel(word)) this.#inHeader = false;
    return false;
  }

  #punctuation(at: number): number {
    const line = this.#line;
    switch (line.charCodeAt(at)) {
      case codes.equals:
        return this.#value(at);
      case codes.doubleQuote:
      case codes.backtick:
        return this.#quoted(at);
      case codes.singleQuote:
        return opensQuote(line, at) ? this.#quoted(at) : at + 1;
      case codes.openBracket:
        return this.#bracket(at);
      case codes.openParen:
        return this.#parenthesis(at);
      default:
        return at + 1;
    }
  }

  /** What stands behind `=`: up to a separator, brackets and what is in them included. */
  #value(at: number): number {
    const line = this.#line;
    if ('=>~'.includes(line[at + 1] ?? ' ') || '!<>=+-*/'.includes(line[at - 1] ?? '=')) return at + 1;
    const start = skipSpaces(line, at + 1);
    let end = start;
    for (; end < line.length && (classOf(line.charCodeAt(end)) & ending) === 0; end += 1) {
      const code = line.charCodeAt(end);
      if (code !== codes.openParen && code !== codes.openBracket && code !== codes.openBrace) continue;
      const close = closeOf(line, end);
      if (close === -1) return at + 1;
      end = close;
    }
    // Behind `a= b=1` stands the next key.
    if (end === start || line.charCodeAt(end) === codes.equals) return at + 1;
    return this.#mask(start, end);
  }

  #quoted(at: number): number {
    const line = this.#line;
    if (at === this.#closing) return at + 1;
    const close = closeOfQuote(line, at);
    if (close === -1) return at + 1;
    const isKey = line.charCodeAt(at) === codes.doubleQuote && ':='.includes(line[close + 1] ?? ' ');
    if (isKey || isRequestLine(line, at + 1) || isProse(line, at)) {
      this.#closing = close;
      return at + 1;
    }
    return this.#mask(at + 1, close) + 1;
  }

  /** Between stamp and message a bracket holds the thread or the request; `[-]` stands for none. */
  #bracket(at: number): number {
    const close = closeOf(this.#line, at);
    if (close === -1) return at + 1;
    const content = this.#line.slice(at + 1, close);
    const isThread = this.#inHeader && this.#hasWild && !content.split(/\W/).some(isLevel);
    return isThread || /^[\s-]+$/.test(content) ? this.#mask(at + 1, close) + 1 : at + 1;
  }

  /** `1190 bytes (1.16 KB)`, `10.0.0.1 (web.example.org)`, `10.0.0.1 ()`: it may be there or not. */
  #parenthesis(at: number): number {
    const line = this.#line;
    if (!this.#afterWild || line.charCodeAt(at - 1) !== codes.space) return at + 1;
    const between = line.slice(this.#done, at);
    const close = closeOf(line, at);
    if (close === -1 || !/^ (?:[A-Za-z]+ )?$/.test(between)) return at + 1;
    if (!restates(line.slice(at + 1, close))) return at + 1;
    if (between !== ' ') {
      this.#out += line.slice(this.#done, at - 1);
      this.#afterWild = false;
    }
    this.#done = close + 1;
    return close + 1;
  }
}

/** Beside something variable the width of a gap tells nothing. */
function evenlySpaced(text: string): string {
  return unevenSpace.test(text) ? text.replaceAll(/\s+/g, ' ') : text;
}

const unevenSpace = /\s\s|[^\S ]/;

/** What comes behind so many words is one wildcard: long lines are lists, or texts of their own. */
export const mostWords = 64;

function shortened(text: string): string {
  let end = -1;
  for (let words = 0; words < mostWords; words += 1) {
    end = text.indexOf(' ', end + 1);
    if (end === -1) return text;
  }
  return `${text.slice(0, end)} ${wild}`;
}

const scanner = new Scanner();
