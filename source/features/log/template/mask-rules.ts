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

const classes = new Uint8Array(128);
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
  classes[code] = bits;
}

export function classOf(code: number): number {
  return code < 128 ? (classes[code] ?? 0) : letter;
}

const levels = new Set(
  (
    'TRACE DEBUG INFO NOTICE WARN WARNING ERROR ERR SEVERE CRITICAL CRIT FATAL ALERT EMERG EMERGENCY PANIC ' +
    'FINE FINER FINEST CONFIG VERBOSE I D W E V F T'
  ).split(' '),
);

/** `INFO`, `[error]`, `W`: how loud the line is, which stays in its template. */
export function isLevel(word: string): boolean {
  return levels.has(word) || (word.length <= 9 && levels.has(word.toUpperCase()));
}

const months = /^(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/;
const monthWord =
  /^(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)$/;
const dayWord =
  /^(?:Mon(?:day)?|Tue(?:s(?:day)?)?|Wed(?:nesday)?|Thu(?:r(?:s(?:day)?)?)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)$/;
const beforeDay = /[\s,]+(?:\d|[A-Z][a-z]{2,8}\.?\s+\d)/y;
const beforeMonth = /[.,]?\s+\d/y;
const zoneWord = /^(?:UTC|GMT|[ECMP][SD]T|CES?T|[BIJ]ST|MSK|Z|AM|PM|am|pm)$/;

/** A month, a day of the week or a time zone that belongs to a date: words around it are numbers. */
export function isDateWord(line: string, word: string, end: number, afterWild: boolean): boolean {
  if (word.length > 9) return false;
  if (afterWild && (zoneWord.test(word) || monthWord.test(word))) return true;
  const pattern = monthWord.test(word) ? beforeMonth : dayWord.test(word) ? beforeDay : undefined;
  if (!pattern) return false;
  pattern.lastIndex = end;
  return pattern.test(line);
}

const syslogHeader =
  /^[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d(?:\.\d+)? \S+ (?=[\w./()-]+(?:\[\d+\])?(?: \([^)]*\))?:)/;
const isoHeader = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* (?![A-Z]+ )\S+ (?=[\w./()-]+(?:\[\d+\])?:(?: |$))/;

/** Where a syslog line's stamp and host end (both vary from line to line), else 0. */
export function syslogHeaderEnd(line: string): number {
  const isDigit = (classOf(line.charCodeAt(0)) & digit) !== 0;
  if (isDigit ? line[10] !== 'T' : !months.test(line)) return 0;
  return (isDigit ? isoHeader : syslogHeader).exec(line)?.[0].trimEnd().length ?? 0;
}

const unitWord = /(?: ?%| (?:[KMGTP]i?B|[kKMG]?Hz|[kKMG]?bps|B|ns|us|µs|ms|s|secs?|mins?|hrs?|h)(?![\w/-]))/y;

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
const mailAddress = /^[^@]+@[\w-]+(?:\.[\w-]+)+$/;
const callName = /^[A-Za-z_]{2,}\d{1,2}[A-Za-z_]{2,}$/;

/** Whether a word without digits is a value all the same: a path, a qualified or host name, a mail address. */
export function isNamedValue(word: string): boolean {
  return qualifiedName.test(word) || isDeepPath(word) || mailAddress.test(word);
}

function isDeepPath(word: string): boolean {
  const first = word.search(/[/\\]/);
  return first !== -1 && /[/\\]/.test(word.slice(first + 1));
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
  /^[<>~+-]?[\w.,:%/-]*\d[\w.,:%/-]*(?: (?:[KMGTP]i?B|[kKMG]?Hz|B|ns|us|µs|ms|s|secs?|mins?|h))?$/;

/** What a parenthesis behind a value may hold to merely restate it: nothing, a quantity, an address. */
export function restates(text: string): boolean {
  if (text.length > 100) return false;
  const content = text.trim();
  return content === '' || quantity.test(content) || (!/\s/.test(content) && isNamedValue(content));
}
