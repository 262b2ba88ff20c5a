import type { OpenNeed } from '../../need.ts';

/**
 * Says what nobody asked for: what is bad at once, warnings as a sum, and never more than a line a second, so that
 * a screen reader comes to its end. A line has its time, and so none is like another.
 */
export type Announcer = {
  needs(all: readonly OpenNeed[], sentence: (need: OpenNeed) => string): void;
  connection(text: string): void;
  /** New rows of a list that follows its end, such as messages; those that call whoever listens come first. */
  rows(news: readonly { readonly sentence: string; readonly isCall: boolean }[]): void;
  stop(): void;
};

export type AnnouncerOptions = {
  readonly say: (text: string) => void;
  /** Somebody types: it waits. */
  readonly isBusy: () => boolean;
  /** `15:53:07`. */
  readonly clock: () => string;
};

const everyMs = 1000;
const warningsEveryMs = 30_000;
const mostSaid = 3;

type Known = { readonly severity: OpenNeed['severity']; readonly isAcked: boolean; readonly text: string };

export function makeAnnouncer({ say, isBusy, clock }: AnnouncerOptions): Announcer {
  let known: ReadonlyMap<string, Known> = new Map();
  /** By need: what is still to be said of it. */
  const bad = new Map<string, string>();
  const warnings = new Map<string, string>();
  const over = new Map<string, string>();
  let connection: string | undefined;
  let calls: string[] = [];
  let rows: string[] = [];
  let lastMs = Number.NEGATIVE_INFINITY;
  let warnedMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;

  const next = (): string | undefined => {
    if (connection !== undefined) {
      const text = connection;
      connection = undefined;
      return text;
    }
    if (bad.size > 0) return `Bad: ${taken(bad)}`;
    if (calls.length > 0) {
      const text = summed(calls);
      calls = [];
      return `You are called: ${text}`;
    }
    if (over.size > 0) return `Over: ${taken(over)}`;
    if (rows.length > 0) {
      const text = summed(rows);
      rows = [];
      return `New: ${text}`;
    }
    if (warnings.size === 0 || performance.now() - warnedMs < warningsEveryMs) return;
    warnedMs = performance.now();
    const count = warnings.size;
    return `${count} ${count === 1 ? 'warning' : 'warnings'}: ${taken(warnings)}`;
  };
  const pending = (): boolean =>
    connection !== undefined || bad.size + calls.length + over.size + rows.length + warnings.size > 0;
  const tick = (): void => {
    timer = undefined;
    if (!isBusy()) {
      const text = next();
      if (text !== undefined) {
        lastMs = performance.now();
        say(`${clock()} ${text}`);
      }
    }
    plan();
  };
  const plan = (): void => {
    if (timer || !pending()) return;
    timer = setTimeout(tick, Math.max(0, Math.min(everyMs, lastMs + everyMs - performance.now()))).unref();
  };

  return {
    needs(all, sentence) {
      const now = new Map<string, Known>();
      for (const need of all) {
        const isAcked = need.ack !== undefined;
        const text = sentence(need);
        const before = known.get(need.id);
        now.set(need.id, { severity: need.severity, isAcked, text });
        over.delete(need.id);
        const waits = bad.delete(need.id) || warnings.delete(need.id);
        const isNews = !before || waits || before.severity !== need.severity || before.isAcked !== isAcked;
        if (!isNews) continue;
        if (isAcked) {
          if (before && !before.isAcked) warnings.set(need.id, `${need.ack?.by} is on ${text}`);
        } else if (need.severity === 'bad') bad.set(need.id, text);
        else warnings.set(need.id, text);
      }
      for (const [id, { severity, text }] of known) {
        if (now.has(id)) continue;
        // What came and went before it was said needs no words.
        const wasWaiting = bad.delete(id) || warnings.delete(id);
        if (!wasWaiting && severity === 'bad') over.set(id, text);
      }
      known = now;
      plan();
    },
    connection(text) {
      connection = text;
      plan();
    },
    rows(news) {
      for (const { sentence, isCall } of news) (isCall ? calls : rows).push(sentence);
      plan();
    },
    stop: () => clearTimeout(timer),
  };
}

function taken(texts: Map<string, string>): string {
  const all = [...texts.values()];
  texts.clear();
  return summed(all);
}

/** The first of them, and how many more there are. */
function summed(texts: readonly string[]): string {
  const more = texts.length - mostSaid;
  return `${texts.slice(0, mostSaid).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
