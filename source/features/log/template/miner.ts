import { mask, mostWords } from './mask.ts';
import { isLevel, wild } from './mask-rules.ts';
import { covers, type Pattern, patternOf, wordCount } from './pattern.ts';

/**
 * Online template mining: what `mask` cannot see by form is learned from what varies.
 *
 * After Drain (He, Zhu, Zheng and Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017)
 * masked lines of equally many words are compared word by word. Drain merges lines that agree in a fixed share of
 * their words, in the order they come, and so needs a threshold (and masks) for each kind of log. Here a word
 * becomes a wildcard on evidence: the same words around it were seen with several different words in that place
 * (a slot), or with one that is variable by its form. How many are needed depends on how much of the line agrees
 * and on whether the words in front announce a value (`for user …`), never on the log.
 *
 * What is learned is a list of patterns, each a template in which `<*>` also covers words. Lines only ever move to
 * more general templates, so processes that share the list, in its order, agree on every line whatever each of
 * them saw (`LogWriter` keeps the list in Redis). Not promised: that words which vary together (`up`/`down`) or
 * too little are distinguished from constants; a template is never split again.
 */
export class Miner {
  readonly #shared: Pattern[] = [];
  #proposed: Pattern[] = [];
  readonly #templateOf = new Map<string, string>();
  readonly #slots = new Map<string, Slot>();
  readonly #seen = new Set<string>();

  /** The template of one line, and what is new about the world is learned from it. */
  template(line: string): string {
    const masked = mask(line);
    const known = this.#templateOf.get(masked);
    if (known !== undefined) return known;
    this.learn(masked);
    return this.resolve(masked);
  }

  /** Takes in a template somebody saw. */
  learn(template: string): void {
    let current = this.resolve(template);
    while (!this.#seen.has(current)) {
      if (this.#seen.size >= maxCached) this.#forget();
      this.#seen.add(current);
      const pattern = this.#shared.length + this.#proposed.length < maxPatterns && this.#generalise(current);
      if (!pattern) return;
      this.#proposed.push(patternOf(pattern));
      this.#templateOf.clear();
      current = pattern;
    }
  }

  /** The most general known template that covers this one; itself if none does. */
  resolve(template: string): string {
    let current = this.#templateOf.get(template);
    if (current !== undefined) return current;
    current = template;
    for (let step = 0; step < maxSteps; step += 1) {
      const wider = this.#wider(current);
      if (wider === undefined) break;
      current = wider;
    }
    if (this.#templateOf.size >= maxCached) this.#templateOf.clear();
    this.#templateOf.set(template, current);
    return current;
  }

  #wider(template: string): string | undefined {
    const words = wordCount(template);
    const isWider = (pattern: Pattern): boolean =>
      pattern.words === words && pattern.template !== template && covers(pattern, template);
    return (this.#shared.find(isWider) ?? this.#proposed.find(isWider))?.template;
  }

  /** The agreed patterns, oldest first. */
  get shared(): readonly string[] {
    return this.#shared.map((pattern) => pattern.template);
  }

  /** Patterns learned here that the others do not have yet, oldest first. */
  get proposed(): readonly string[] {
    return this.#proposed.map((pattern) => pattern.template);
  }

  /**
   * Takes over the agreed list from its `from`-th pattern on. What it does not have (any more) and does not cover stays
   * proposed.
   */
  adopt(patterns: readonly string[], from: number): void {
    if (patterns.length === 0 && from === this.#shared.length) return;
    const proposed = [...this.#shared.splice(from), ...this.#proposed];
    this.#proposed = [];
    this.#templateOf.clear();
    this.#shared.push(...patterns.map(patternOf));
    this.#proposed = proposed.filter(({ template }) => {
      return !patterns.includes(template) && this.resolve(template) === template;
    });
    this.#templateOf.clear();
  }

  /** Enters a template into the slots of its words; answers with a pattern once one has seen enough. */
  #generalise(template: string): string | undefined {
    const words = template.split(' ');
    // Behind the last of them stands one wildcard.
    if (words.length > mostWords + 1) return;
    const body = bodyStart(words);
    const constants = words.map((word, at) => at >= body && hasLetters(word));
    const total = constants.reduce((sum, isConstant) => sum + Number(isConstant), 0);
    let end = -1;
    for (const [at, word] of words.entries()) {
      const start = end + 1;
      end = start + word.length;
      if (at < body || word === '') continue;
      const around = total - Number(constants[at]);
      if (around === 0) continue;
      const [front, behind] = [template.slice(0, start), template.slice(end)];
      const key = `${front}\0${behind}`;
      let slot = this.#slots.get(key);
      if (!slot) {
        if (this.#slots.size >= maxSlots) this.#forget();
        slot = { values: new Set(), hasWild: false, before: word, after: word };
        this.#slots.set(key, slot);
      }
      enter(slot, word);
      // What is only one word so far varies in no place.
      if (slot.values.size < 2) continue;
      const isArgument = announces(words[at - 1] ?? '', words[at - 2] ?? '');
      if (slot.values.size < evidence(around, isArgument, slot.hasWild)) continue;
      const pattern = front + slot.before + wild + slot.after + behind;
      if (pattern !== template) return pattern;
    }
  }

  /** Starts learning afresh, without unlearning: for logs in which every line is new. */
  #forget(): void {
    this.#slots.clear();
    this.#seen.clear();
  }
}

/** The places of one template in which one word differed: its values, and the punctuation they share. */
type Slot = { readonly values: Set<string>; hasWild: boolean; before: string; after: string };

const maxPatterns = 1000;
const maxSlots = 20_000;
const maxCached = 20_000;
const maxSteps = 16;
const maxValues = 8;

/** How many different words make a place variable. */
function evidence(around: number, isArgument: boolean, hasWild: boolean): number {
  if (hasWild) return around === 1 ? 3 : 2;
  if (around === 1) return isArgument ? 6 : maxValues;
  return isArgument ? 3 : 5;
}

/** Whether the words in front announce a value: `key: …`, `from …`, `for user …`. */
function announces(oneBefore: string, twoBefore: string): boolean {
  return /[:=]$/.test(oneBefore) || prepositions.has(oneBefore) || prepositions.has(twoBefore);
}

const prepositions = new Set('as at by called for from in into named of on onto to via with'.split(' '));

function enter(slot: Slot, word: string): void {
  if (slot.values.size < maxValues) slot.values.add(word);
  if (isBareWild(word)) slot.hasWild = true;
  slot.before = sharedStart(slot.before, /^[^\p{L}\p{N}<]*/u.exec(word)?.[0] ?? '');
  slot.after = sharedEnd(slot.after, /[^\p{L}\p{N}>]*$/u.exec(word)?.[0] ?? '');
}

function sharedStart(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return a.slice(0, length);
}

function sharedEnd(a: string, b: string): string {
  let length = 0;
  while (length < a.length && length < b.length && a.at(-1 - length) === b.at(-1 - length)) length += 1;
  return length === 0 ? '' : a.slice(-length);
}

/** Where the message starts behind `<stamp> LEVEL [thread] tag:`; words in front are never generalised. */
function bodyStart(words: readonly string[]): number {
  let at = 0;
  while (at < words.length && isHeader(words[at] ?? '')) at += 1;
  if (at > 0 && at + 1 < words.length && /^[^\s=]+:$/.test(words[at] ?? '')) at += 1;
  // A lone wildcard in front may as well be the first word of a message.
  return at > 1 ? at : 0;
}

function isHeader(word: string): boolean {
  if (isBareWild(word) || /^[\W_]*$/.test(word)) return true;
  // Bare and in small letters it is more likely a word of the message.
  const bare = word.replace(/^\W+|\W+$/g, '');
  return isLevel(bare) && (word.startsWith('[') || bare === bare.toUpperCase());
}

function isBareWild(word: string): boolean {
  return word.includes(wild) && !/[\p{L}\p{N}]/u.test(word);
}

function hasLetters(word: string): boolean {
  for (let at = 1; at < word.length; at += 1) {
    if (isLetter(word.charCodeAt(at - 1)) && isLetter(word.charCodeAt(at))) return true;
  }
  return false;
}

/** Beyond ASCII everything is one. */
function isLetter(code: number): boolean {
  const small = code | 32;
  return (small >= 97 && small <= 122) || code > 127;
}
