/** Something that needs a human: what is red, marked, counted, rung for and failed on comes from these alone. */

export type Severity = 'bad' | 'warn';

export type Need = {
  /** What is wrong, in one word that does not change: `dead`, `noTtl`. With the feature it is `topic.dead`. */
  readonly kind: string;
  /** The thing, as people call it: `orders/audit`. */
  readonly name: string;
  readonly severity: Severity;
  /** What is wrong with it, in few words: `DEAD, 41,337 wait`. */
  readonly words: string;
  /** How bad it is, comparable with itself over time: when it doubles, the need has become another one. */
  readonly figure?: number | undefined;
  /** Epoch ms since when, where the feature knows. */
  readonly sinceMs?: number | undefined;
  /** The id of its row in the feature's list. */
  readonly row?: string | undefined;
  /** In which channel, room or log, where the feature shows one at a time. */
  readonly place?: string | undefined;
};

/** A need as everybody sees it: of which feature, since when, and whether somebody is on it. */
export type OpenNeed = Omit<Need, 'sinceMs'> & {
  /** `topic.dead orders/audit`: the same for all consoles. */
  readonly id: string;
  readonly feature: string;
  readonly sinceMs: number | undefined;
  readonly ack: Ack | undefined;
};

/** Somebody is on it, until then or until it changes for the worse. */
export type Ack = {
  readonly by: string;
  readonly note: string;
  readonly atMs: number;
  readonly untilMs: number;
  readonly severity: Severity;
  readonly figure?: number | undefined;
};

export function needId(feature: string, { kind, name }: Pick<Need, 'kind' | 'name'>): string {
  return `${feature}.${kind} ${name}`;
}

/** What is said of it in one line: `orders/audit DEAD, 41,337 wait`. */
export function needSentence({ name, words }: Pick<Need, 'name' | 'words'>): string {
  return name === words ? words : `${name} ${words}`;
}

/** That something cannot be read, in a sentence that names it. */
export function unreadable(words: string): Need {
  return { kind: 'unreadable', name: words, severity: 'bad', words };
}

/**
 * So many of them, and how many more there are as a need of its own.
 * @param name what they are of: `other topics`
 * @param unkept how many there are besides
 */
export function atMost(needs: readonly Need[], most: number, name: string, unkept = 0): readonly Need[] {
  const more = Math.max(0, needs.length - most) + unkept;
  return more > 0 ? [...needs.slice(0, most), othersNeed(more, name)] : needs;
}

/** That so many more are in trouble than are shown. */
export function othersNeed(count: number, name: string): Need {
  const words = `${count.toLocaleString('en')} more need somebody`;
  return { kind: 'others', name, severity: 'bad', words, figure: count };
}
