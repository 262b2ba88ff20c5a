import type { Codes } from './line-codes.ts';

/** What counts as variable in a log line: properties of single words, the same for every log there is. */

export const wild = '<*>';

/** Classes of characters, one bit each; everything beyond ASCII is a letter. */
export const space = 1;
export const structural = 2;
export const digit = 4;
export const letter = 8;
/** Ends the value of `key=value`. */
export const ending = 32;
export const upper = 64;
/** May stand between two wildcards without keeping them apart: `10.0.0.1:80`, `12, 13`, `4 - 5`. */
export const joining = 16;

/** Brackets and quotes. */
export const enclosing = 128;
/** `.`, `,`, `;`, `:`, `!`, `?`: behind a URL they are of the sentence. */
export const sentenceMark = 256;

const classes = new Uint16Array(129);
for (let code = 0; code < 128; code += 1) {
  const character = String.fromCharCode(code);
  let bits = 0;
  if (/[\s\0]/.test(character)) bits |= space;
  if ('=:()[]{},;"\'`<>|'.includes(character)) bits |= structural;
  if (/\d/.test(character)) bits |= digit;
  if (/[A-Za-z]/.test(character)) bits |= letter;
  if (/[A-Z]/.test(character)) bits |= upper;
  if (/[\s,;)\]}&|="'`]/.test(character)) bits |= ending;
  if (/[\s.,:;/|_+@#~\\-]/.test(character)) bits |= joining;
  if (/["'`<>()[\]{}]/.test(character)) bits |= enclosing;
  if (/[.,;:!?]/.test(character)) bits |= sentenceMark;
  classes[code] = bits;
}
classes[128] = letter;

/** The class of a character by its code, see `Codes`; none in front of the line. */
export function classOf(code: number | undefined): number {
  return classes[code ?? 0] ?? 0;
}

const levelNames = (
  'TRACE DEBUG INFO NOTICE WARN WARNING ERROR ERR SEVERE CRITICAL CRIT FATAL ALERT EMERG EMERGENCY PANIC ' +
  'FINE FINER FINEST CONFIG VERBOSE I D W E V F T'
).split(' ');
const levels = new Set(
  levelNames.flatMap((level) => [
    level,
    level.toLowerCase(),
    level.slice(0, 1) + level.slice(1).toLowerCase(),
  ]),
);
const levelWithin = new RegExp(`(?:^|\\W)(?:${levelNames.join('|')})(?:\\W|$)`, 'i');

/** Whether one of its words is a level. */
export function hasLevel(text: string): boolean {
  return levelWithin.test(text);
}

/** `INFO`, `[error]`, `W`: how loud the line is, which stays in its template. */
export function isLevel(word: string): boolean {
  return word.length <= 9 && levels.has(word);
}

const months = /^(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/;
const monthWord =
  /^(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)$/;
const dayWord =
  /^(?:Mon(?:day)?|Tue(?:s(?:day)?)?|Wed(?:nesday)?|Thu(?:r(?:s(?:day)?)?)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)$/;
/** Three letters as one number, so that few words are cut out of the line to be asked about. */
const threeLetters = (first = 0, second = 0, third = 0): number => (first << 16) | (second << 8) | third;
const dateStarts = new Set(
  'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec Mon Tue Wed Thu Fri Sat Sun'
    .split(' ')
    .map((word) => threeLetters(word.charCodeAt(0), word.charCodeAt(1), word.charCodeAt(2))),
);

/** Whether a word that begins here may be a month or a day of the week. */
export function startsDate(codes: Codes, start: number): boolean {
  return dateStarts.has(threeLetters(codes[start], codes[start + 1], codes[start + 2]));
}

const beforeDay = /[\s,]+(?:\d|[A-Z][a-z]{2,8}\.?\s+\d)/y;
const beforeMonth = /[.,]?\s+\d/y;
const zoneWord = /^(?:UTC|GMT|[ECMP][SD]T|CES?T|[BIJ]ST|MSK|Z|AM|PM|am|pm)$/;

/** A month, a day of the week or a time zone that belongs to a date: words around it are numbers. */
export function isDateWord(line: string, word: string, end: number, afterWild: boolean): boolean {
  // All but `am` and `pm` begin with a capital letter.
  if (word.length > 9 || ((classOf(word.charCodeAt(0)) & upper) === 0 && word.length !== 2)) return false;
  if (afterWild && (zoneWord.test(word) || monthWord.test(word))) return true;
  const pattern = monthWord.test(word) ? beforeMonth : dayWord.test(word) ? beforeDay : undefined;
  if (!pattern) return false;
  pattern.lastIndex = end;
  return pattern.test(line);
}

const syslogHeader =
  /^[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)? \S+ (?=[\w./()-]+(?:\[\d+\])?(?: \([^)]*\))?:)/;
const isoHeader = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* (?![A-Z]+ )\S+ (?=[\w./()-]+(?:\[\d+\])?:(?: |$))/;

const callerOfModule = / [\w./-]+(?=\([\w-]+\)(?:\[\d+\])?:)/y;

/**
 * Where a syslog line's stamp and host end (both vary from line to line), else 0. In `su(pam_unix)[7]: …` the module
 * speaks, whoever called it: the program varies as well.
 */
export function syslogHeaderEnd(line: string): number {
  const first = line.charCodeAt(0);
  const isDigit = first >= 48 && first <= 57;
  if (isDigit ? line[10] !== 'T' : !months.test(line)) return 0;
  const end = (isDigit ? isoHeader : syslogHeader).exec(line)?.[0].trimEnd().length ?? 0;
  callerOfModule.lastIndex = end;
  return end > 0 && callerOfModule.test(line) ? callerOfModule.lastIndex : end;
}

const unitWord =
  /(?: ?%| (?:[KMGTP]i?B|[kKMG]?Hz|[kKMG]?bps|B|ns|us|\u00B5s|ms|s|secs?|mins?|hrs?|h)(?![\w/-]))/y;

/** Where the unit behind a number ends (`1.5 KB`, `30 %`); `end` itself if none follows. */
export function unitEnd(line: string, end: number): number {
  const code = line.charCodeAt(end);
  if (code !== 32 && code !== 37) return end;
  unitWord.lastIndex = end;
  return unitWord.test(line) ? unitWord.lastIndex : end;
}

const requestLine = /(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE) \S/y;

/** A quoted `GET /path HTTP/1.1` is taken apart rather than masked whole: the method tells requests apart. */
export function isRequestLine(line: string, start: number): boolean {
  requestLine.lastIndex = start;
  return requestLine.test(line);
}

const proseKey = /(?:^|[\s{,"'])(?:msg|message|event)["']?\s*[:=]\s*$/;

/** Whether the quoted text that starts here is the message itself, as in `{"msg":"…"}` or `msg="…"`. */
export function isProse(line: string, quote: number): boolean {
  return proseKey.test(line.slice(Math.max(0, quote - 16), quote));
}

const qualifiedName = /^[A-Za-z_$][\w$-]*(?:[./]+[A-Za-z_$][\w$-]*){2,}$/;
const constantName = /\.[A-Z][A-Z_]{3,}$/;
const mailAddress = /^[^@]+@[\w-]+(?:\.[\w-]+)+$/;
const callName = /^[A-Za-z_]{2,}\d{1,2}[A-Za-z_]{2,}$/;

/** Whether a word without digits is a value all the same: a path, a qualified or host name, a mail address. */
export function isNamedValue(word: string): boolean {
  if (qualifiedName.test(word) && !constantName.test(word)) return true;
  return isDeepPath(word) || (word.includes('@') && mailAddress.test(word));
}

function isDeepPath(word: string): boolean {
  const first = word.search(/[/\\]/);
  return first !== -1 && (word.includes('/', first + 1) || word.includes('\\', first + 1));
}

/** A group of an IPv6 or MAC address that happens to have no digit. */
export function isAddressPart(word: string): boolean {
  return word.length <= 4 && /^[\da-fA-F]+$/.test(word);
}

/** `jk2_init(` names a function: its digit never changes. */
export function isCallName(word: string): boolean {
  return callName.test(word);
}

const quantity =
  /^[<>~+-]?[\w.,:%/-]*\d[\w.,:%/-]*(?: (?:[KMGTP]i?B|[kKMG]?Hz|B|ns|us|\u00B5s|ms|s|secs?|mins?|h))?$/;

/** What a parenthesis behind a value may hold to merely restate it: nothing, a quantity, an address. */
export function restates(text: string): boolean {
  if (text.length > 100) return false;
  const content = text.trim();
  return content === '' || quantity.test(content) || (!/\s/.test(content) && isNamedValue(content));
}

const programBehind = /(?: \*?\d+)? - /y;

/**
 * Whether the word is the program in a header such as `[stamp] program - `, or `stamp - logger - level - `: each of
 * several programs may say what follows.
 * @param stampEnd where the wildcard in front of the word ends
 */
export function isProgram(line: string, stampEnd: number, start: number, end: number): boolean {
  const between = line.slice(stampEnd, start);
  if (between !== '] ' && between !== ' - ' && between !== '] - ') return false;
  programBehind.lastIndex = end;
  return programBehind.test(line) && !isLevel(line.slice(start, end));
}

const nameWord =
  / ([A-Za-z_][\w.$@-]{0,31})(?=$|[,;)\]]|[.:](?:\s|$)| [[(]| (?:from|by|on|at|via|with|in|to|for|has|is|was|logged)\b)/y;
/** What follows `user` in prose. */
const noNames = new Set(
  (
    'a an the is was are has had have does did can cannot could will would must may not no and or of from to by in on at for with ' +
    'unknown name names id ids agent agents interface space mode level data input request requests session sessions ' +
    'account accounts profile role group error errors authentication password login logout logged process processes'
  ).split(' '),
);
const address = / from (?:\S*\d\S*|[\w-]+(?:\.[\w-]+)+)/y;
const waits = /\b(?:wait\w*|ask\w*|look\w*|listen\w*|request\w*|response|reply|search\w*) $/i;

/**
 * Behind `user`, and between `for` and `from` an address, stands somebody's name, at the first line as at all others.
 * @returns where it ends; -1 where none does
 */
export function endOfName(line: string, start: number, end: number): number {
  const isUser = end - start === 4 && /^[Uu]ser$/.test(line.slice(start, end));
  const isFor = end - start === 3 && line.startsWith('for', start);
  if (!isUser && !isFor) return -1;
  nameWord.lastIndex = end;
  const [, name] = nameWord.exec(line) ?? [];
  if (name === undefined || noNames.has(name.toLowerCase())) return -1;
  if (isUser) return end + 1 + name.length;
  address.lastIndex = end + 1 + name.length;
  return address.test(line) && !waits.test(line.slice(Math.max(0, start - 12), start))
    ? end + 1 + name.length
    : -1;
}

const portBehind = /:\d{1,5}(?![\w.:])/y;
/** A name in a domain that exists, or of a private network; `state.count:3` and `Socket.java:41` are none. */
const hostName =
  /^[a-z\d](?:[a-z\d-]*\.)+(?:com|net|org|edu|gov|mil|int|io|dev|app|info|local|internal|lan|svc|(?!id|is|no|at|to|ms|ns|us|sh|py|rs|cc|pl|go|js|ts|md)[a-z]{2})$/;

/** `db.example.net:5432`: a host name that no digit shows, by the port behind it. */
export function isHostOfPort(line: string, word: string, end: number): boolean {
  if (line.charCodeAt(end) !== 58) return false;
  portBehind.lastIndex = end;
  return portBehind.test(line) && hostName.test(word);
}
