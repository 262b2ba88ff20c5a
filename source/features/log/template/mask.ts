import { ascii, type Codes, codesOf } from './line-codes.ts';
import {
  classOf,
  digit,
  ending,
  endOfName,
  hasLevel,
  isAddressPart,
  isCallName,
  isDateWord,
  isHostOfPort,
  isLevel,
  isNamedValue,
  isProgram,
  isProse,
  isRequestLine,
  joining,
  letter,
  restates,
  space,
  startsDate,
  structural,
  syslogHeaderEnd,
  unitEnd,
  upper,
  wild,
} from './mask-rules.ts';
import {
  closeOf,
  closeOfQuote,
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

/** Nothing needs to be asked of a word of these. */
const plain = letter | upper | digit;

class Scanner {
  #line = '';
  #codes: Codes = codesOf('');
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
    const codes = codesOf(line);
    this.#line = line;
    this.#codes = codes;
    this.#out = '';
    this.#done = 0;
    this.#afterWild = false;
    this.#inHeader = true;
    this.#hasWild = false;
    this.#closing = -1;

    let at = syslogHeaderEnd(line);
    if (at > 0) this.#mask(0, at);
    let isUneven = false;
    while (at < line.length) {
      const code = codes[at];
      const bits = classOf(code);
      if (bits & space) {
        at += 1;
        isUneven ||= code !== ascii.space || codes[at] === ascii.space;
      } else if (bits & structural) at = this.#punctuation(at);
      else at = this.#word(at);
    }
    let result = this.#hasWild ? this.#out + this.#gap(line.length) : line;
    // Beside something variable the width of a gap tells nothing.
    if (isUneven && this.#hasWild) result = result.replaceAll(/\s\s+|[^\S ]/g, ' ');
    this.#line = '';
    this.#out = '';
    return result.length > 2 * mostWords ? shortened(result) : result;
  }

  /** Replaces `line[start, end)`; joins it to the wildcard before if only punctuation lies between. */
  #mask(start: number, end: number): number {
    const codes = this.#codes;
    const sign = codes[start - 1];
    const isSigned = sign === ascii.less || sign === ascii.greater;
    const from = isSigned && (start === 1 || codes[start - 2] === ascii.space) ? start - 1 : start;
    let joins = this.#afterWild;
    for (let i = this.#done; joins && i < from; i += 1) joins = (classOf(codes[i]) & joining) !== 0;
    if (!joins) this.#out += this.#gap(from) + wild;
    this.#done = end;
    this.#afterWild = true;
    this.#hasWild = true;
    return end;
  }

  /** The literal text up to `end`; padding beside a wildcard is one space, whatever the width of the value was. */
  #gap(end: number): string {
    const codes = this.#codes;
    let from = this.#done;
    let to = end;
    if (this.#afterWild) while (isPadded(codes, from)) from += 1;
    if (to < this.#line.length) while (to - 2 >= from && isPadded(codes, to - 2)) to -= 1;
    return this.#line.slice(from, to);
  }

  #word(start: number): number {
    const line = this.#line;
    const codes = this.#codes;
    let bits = 0;
    let end = start;
    for (; end < line.length; end += 1) {
      const code = codes[end] ?? 0;
      let found = classOf(code);
      if ((found & ~plain) === 0) {
        bits |= found;
        continue;
      }
      if (found & (space | structural)) {
        if (code !== ascii.singleQuote || !isApostrophe(codes, end)) break;
        found = letter;
      }
      if (code === ascii.dot && codes[end + 1] === ascii.dot) break;
      bits |= found;
    }
    if (end === start) return endOfDots(codes, start);
    const isUrl =
      (codes[end] === ascii.colon && isScheme(codes, start, end)) ||
      ((bits & joining) !== 0 && startsPath(line, codes, start));
    if (isUrl) return this.#mask(start, endOfUrl(codes, line.length, start));
    const last = endOfSentence(codes, start, end);

    if (bits & digit) {
      if (codes[end] === ascii.openParen && isCallName(line.slice(start, end))) return end;
      const isNumber = (classOf(codes[last - 1]) & digit) !== 0;
      return Math.max(end, this.#mask(start, isNumber ? unitEnd(line, last) : last));
    }
    if (bits & letter) {
      if (this.#isValue(start, last, bits)) this.#mask(start, last);
      else if (end - start <= 4 && last === end) return this.#afterNoun(start, end);
    }
    return end;
  }

  /** `user bob`, `for bob from 10.0.0.1`: behind such a word stands a name. */
  #afterNoun(start: number, end: number): number {
    const first = this.#codes[start];
    if (first !== ascii.smallF && first !== ascii.smallU && first !== ascii.bigU) return end;
    const name = endOfName(this.#line, start, end);
    return name === -1 ? end : this.#mask(end + 1, name);
  }

  /** Whether a word without digits is a value; in passing, whether it ends the header. */
  #isValue(start: number, end: number, bits: number): boolean {
    const line = this.#line;
    const touchesWild = this.#afterWild && start - this.#done <= 2;
    // Most words are small and plain: nothing is asked of them.
    const isPlain = (bits & joining) === 0 && !touchesWild && (classOf(this.#codes[start]) & upper) === 0;
    const mayBeDate = touchesWild || startsDate(this.#codes, start);
    if ((isPlain || ((bits & joining) === 0 && !mayBeDate)) && !this.#inHeader) return false;
    if (this.#inHeader && this.#hasWild && isProgram(line, this.#done, start, end)) return true;
    const word = line.slice(start, end);
    if (touchesWild && this.#codes[start - 1] === ascii.colon && isAddressPart(word)) return true;
    if (
      bits & joining
        ? isNamedValue(word) || isHostOfPort(line, word, end)
        : !isPlain && mayBeDate && isDateWord(line, word, end, touchesWild)
    )
      return true;
    if (this.#inHeader && !isLevel(word)) this.#inHeader = false;
    return false;
  }

  #punctuation(at: number): number {
    const line = this.#line;
    switch (this.#codes[at]) {
      case ascii.equals:
        return this.#value(at);
      case ascii.doubleQuote:
      case ascii.backtick:
        return this.#quoted(at);
      case ascii.singleQuote:
        return opensQuote(line, at) ? this.#quoted(at) : at + 1;
      case ascii.openBracket:
        return this.#bracket(at);
      case ascii.openParen:
        return this.#parenthesis(at);
      default:
        return at + 1;
    }
  }

  /** What stands behind `=`: up to a separator, brackets and what is in them included. */
  #value(at: number): number {
    const line = this.#line;
    if ('=>~'.includes(line[at + 1] ?? ' ') || '!<>=+-*/'.includes(line[at - 1] ?? '=')) return at + 1;
    const codes = this.#codes;
    const start = skipSpaces(codes, line.length, at + 1);
    let end = start;
    for (; end < line.length && (classOf(codes[end]) & ending) === 0; end += 1) {
      const code = codes[end];
      if (code !== ascii.openParen && code !== ascii.openBracket && code !== ascii.openBrace) continue;
      const close = closeOf(codes, line.length, end);
      if (close === -1) return at + 1;
      end = close;
    }
    // Behind `a= b=1` stands the next key.
    if (end === start || codes[end] === ascii.equals) return at + 1;
    return this.#mask(start, end);
  }

  #quoted(at: number): number {
    const line = this.#line;
    if (at === this.#closing) return at + 1;
    const close = closeOfQuote(line, this.#codes, at);
    if (close === -1) return at + 1;
    const isKey = this.#codes[at] === ascii.doubleQuote && ':='.includes(line[close + 1] ?? ' ');
    if (isKey || isRequestLine(line, at + 1) || isProse(line, at)) {
      this.#closing = close;
      return at + 1;
    }
    return this.#mask(at + 1, close) + 1;
  }

  /** Between stamp and message a bracket holds the thread or the request; `[-]` stands for none. */
  #bracket(at: number): number {
    const line = this.#line;
    const isInHeader = this.#inHeader && this.#hasWild;
    const first = this.#codes[at + 1];
    if (!isInHeader && first !== ascii.hyphen && first !== ascii.space) return at + 1;
    const close = closeOf(this.#codes, line.length, at);
    if (close === -1) return at + 1;
    const content = line.slice(at + 1, close);
    const isThread = isInHeader && !hasLevel(content);
    return isThread || /^[\s-]+$/.test(content) ? this.#mask(at + 1, close) + 1 : at + 1;
  }

  /** `1190 bytes (1.16 KB)`, `10.0.0.1 (web.example.org)`, `10.0.0.1 ()`: it may be there or not. */
  #parenthesis(at: number): number {
    const line = this.#line;
    if (!this.#afterWild || this.#codes[at - 1] !== ascii.space) return at + 1;
    const between = line.slice(this.#done, at);
    const close = closeOf(this.#codes, line.length, at);
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
