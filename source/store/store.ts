import { isDeepStrictEqual } from 'node:util';
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { ContextChoice } from '../config.ts';
import type { OpenNeed, Severity } from '../need.ts';
import type { ConnectionState } from '../redis/connection/connect.ts';

/**
 * The one store behind every pane. Feeds write slices, freshness, connection and server figures into it; the
 * keyboard writes the screen, the needs watch what needs a human; nothing else does. A slice's type is known to its own feature only.
 */
export type State = {
  readonly connection: ConnectionState & {
    readonly url: string;
    readonly kind: string;
    /** Of how many independent servers this is the first; 1 unless given. */
    readonly servers?: number;
    /** Epoch ms of the last answer, while answers are missing although the socket is open. */
    readonly silentSinceMs?: number;
  };
  /** What INFO tells; undefined before the first answer. */
  readonly server: ServerFigures | undefined;
  /** Commands a second this console itself sends. */
  readonly ownCommandsPerSecond: number;
  readonly freshness: Readonly<Record<string, Freshness>>;
  readonly slices: Readonly<Record<string, unknown>>;
  /** What needs a human, the most urgent first. */
  readonly needs: readonly OpenNeed[];
  /** The same by feature, as its title and rows are marked; a feature without is missing. */
  readonly marks: Readonly<Record<string, Marks>>;
  /** What is shown is of another moment than now; undefined: it is of now. */
  readonly past: Past | undefined;
  readonly screen: Screen;
};

/** The moment that is shown by a console that is frozen, or that replays a recording. */
export type Past = {
  readonly kind: 'frozen' | 'replay';
  /** Epoch ms. */
  readonly atMs: number;
  /** Epoch ms of now; ticks. */
  readonly nowMs: number;
  /** What needs a human now; undefined where nobody knows, as in a replay. */
  readonly needsNow: readonly OpenNeed[] | undefined;
  /** How many times faster than it was a replay runs; undefined: it stands still. */
  readonly speed: number | undefined;
};

/** How many needs of a feature nobody is on, how many somebody is, and which rows they are about. */
export type Marks = {
  readonly bad: number;
  readonly warn: number;
  readonly acked: number;
  readonly rows: Readonly<Record<string, RowMark>>;
};

export type RowMark = { readonly severity: Severity; readonly isAcked: boolean };

/** Undefined is what INFO does not say, or what takes two readings. */
export type ServerFigures = {
  /** `redis` unless it says otherwise. */
  readonly program?: string;
  readonly version: string;
  readonly role: string;
  readonly usedBytes?: number | undefined;
  /** 0: no limit. */
  readonly maxBytes?: number | undefined;
  readonly commandsPerSecond?: number | undefined;
};

/** When and whether a feature last learned something. */
export type Freshness = {
  readonly name: 'waiting' | 'fresh' | 'stale' | 'failed';
  /** Epoch ms of the last reading that succeeded. */
  readonly learnedAtMs?: number;
  readonly error?: string;
};

export type Screen = {
  readonly columns: number;
  readonly rows: number;
  /** The noun of the focused pane. */
  readonly focus: string;
  readonly isZoomed: boolean;
  /** Whether this console refuses whatever writes. */
  readonly isReadOnly: boolean;
  /** Which panes there are, and where. */
  readonly view: View;
  /** Nouns of panes with nothing in them: they take no tile. */
  readonly empty: readonly string[];
  /** Epoch ms since when there has been nothing in a pane, by its noun. */
  readonly emptySinceMs: Readonly<Record<string, number>>;
  /** What stands instead of panes that would say nothing; undefined: the panes are shown. */
  readonly guide: Guide | undefined;
  /** How many lines each pane would fill, by its noun. */
  readonly wants: Readonly<Record<string, number>>;
  readonly mode: Mode;
  readonly status: Status | undefined;
  /** Epoch ms; ticks while something on the screen is moved by the clock, and stands still otherwise. */
  readonly nowMs: number;
};

/** `unreached`: no server has answered yet. `unused`: the server has nothing of any feature. */
export type Guide = 'unreached' | 'unused';

/** A chosen set of panes. */
export type View = { readonly name: string; readonly arrangement: Arrangement };

/** `all`: as many in each row as suits their number. Of `focus` one is large, as many others as fit stand beside it. */
export type Arrangement =
  | { readonly kind: 'all' }
  | { readonly kind: 'rows'; readonly rows: readonly PaneRow[] }
  | { readonly kind: 'focus'; readonly main: string; readonly side: readonly string[] };

/** Weights are shares of the height among rows, and of the width among panes; 1 unless given. */
export type PaneRow = {
  readonly weight?: number | undefined;
  readonly panes: readonly { readonly noun: string; readonly weight?: number | undefined }[];
};

/** A sentence in the status line, until the next key. */
export type Status = { readonly text: string; readonly tone: 'info' | 'good' | 'bad' };

/** What the keyboard is doing. */
export type Mode =
  | { readonly name: 'browse' }
  | { readonly name: 'help'; readonly scroll: number }
  /** Any command by name, or a line of before; `choice` counts what is offered. */
  | {
      readonly name: 'palette';
      readonly line: Line;
      readonly choice: number;
      readonly offers: readonly Offer[];
      /** How the command is called that the line names. */
      readonly usage: string | undefined;
      /** Lines of before are offered. */
      readonly isHistory: boolean;
      /** What is typed looks for keys and commands by name and meaning, out of the help. */
      readonly isFinder?: boolean;
    }
  /** The list of a pane is filtered while a line is typed; Escape brings back what it was. */
  | { readonly name: 'filter'; readonly noun: string; readonly before: string; readonly line: Line }
  /** A key binding wants a line of text. */
  | { readonly name: 'ask'; readonly noun: string; readonly binding: number; readonly line: Line }
  /** A command that takes something away wants a yes. Its input is tied to what the question is about. */
  | {
      readonly name: 'confirm';
      readonly act: Act;
      readonly asked: Question;
      /** What must be typed for a yes; undefined: `y` is enough. */
      readonly word: string | undefined;
      readonly line: Line;
      /** It is about several things, each with what was seen of it; `act` is the first of theirs. */
      readonly targets?: readonly Target[];
    }
  /** The list of what needs a human; `selected` is a need's id. */
  | { readonly name: 'needs'; readonly selected: string | undefined }
  /** What has to do with the row called `of`, as it was known when that was asked. */
  | {
      readonly name: 'related';
      readonly of: string;
      readonly things: readonly Related[];
      readonly choice: number;
    }
  /** Which columns the table of a pane has; `selected` is the name of one. */
  | { readonly name: 'columns'; readonly noun: string; readonly selected: string }
  /** The views by name; `choice` is a place in the list. */
  | { readonly name: 'views'; readonly choice: number }
  /** The named connections of the config; `choice` is a place in the list. */
  | { readonly name: 'contexts'; readonly choices: readonly ContextChoice[]; readonly choice: number }
  /** The panes are shown, hidden, sized and moved. */
  | { readonly name: 'panes' }
  /** The panes as they stand are given a name. */
  | { readonly name: 'save'; readonly line: Line }
  /** What to note on a need, or for how long to put it off. */
  | {
      readonly name: 'note';
      readonly act: 'ack' | 'snooze';
      readonly id: string;
      readonly line: Line;
    }
  /** What a command of the palette printed. */
  | {
      readonly name: 'output';
      readonly title: string;
      readonly lines: readonly string[];
      /** The first line shown; undefined: the newest ones. */
      readonly scroll: number | undefined;
      readonly isRunning: boolean;
      /** The question it was called up from, which is asked again when it is left. */
      readonly over?: Extract<Mode, { name: 'confirm' }>;
      /** What Enter begins; its `help` stands in the hints. */
      readonly next?: { readonly act: Act; readonly help: string } | undefined;
      /** What is looked for in the lines is being typed. */
      readonly line?: Line | undefined;
      /** What was looked for last, and the line that was found; undefined: none is. */
      readonly found?: { readonly text: string; readonly at: number | undefined } | undefined;
    };

/** Something, here or in another pane, that has to do with a row. */
export type Related = {
  readonly noun: string;
  readonly name: string;
  /** What they have in common. */
  readonly by: string;
  /** The id of its row; undefined: it is the place. */
  readonly row: string | undefined;
  /** The room, channel or log that is to be shown. */
  readonly place: string | undefined;
};

/** What may stand at the end of a command line, or instead of it. */
export type Offer = {
  readonly word: string;
  readonly summary: string;
  /** It takes the place of the whole line. */
  readonly line?: string;
  /** It is a key, which is pressed. */
  readonly key?: string;
};

/** A question about one thing, as that was when it was asked. */
export type Question = {
  readonly question: string;
  readonly name: string;
  readonly state: string;
  readonly input: Readonly<Record<string, unknown>>;
};

/** One of several rows that something is to be done to. */
export type Target = {
  /** The row's. */
  readonly id: string;
  readonly name: string;
  readonly act: Act;
  /** What was asked about it; undefined: it is not looked at before. */
  readonly asked: Question | undefined;
};

/** A command waiting to be run, by the words that name it. */
export type Act = {
  readonly path: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** The words behind `--`. */
  readonly commandLine: readonly string[];
  readonly json: boolean;
};

/** One edited line: `cursor` counts graphemes from its start; `history` holds earlier lines, oldest first. */
export type Line = {
  readonly text: string;
  readonly cursor: number;
  readonly history: readonly string[];
  /** Whether it may hold line ends, as the text of a message may. */
  readonly isMultiline?: boolean;
  /** Which line of the history is shown; its length: none, but what is being written. */
  readonly historyIndex: number;
  /** What was being written when the history was entered. */
  readonly draft: string;
};

export type Store = StoreApi<State>;

export function makeStore(initial: {
  readonly slices: State['slices'];
  readonly focus: string;
  readonly columns: number;
  readonly rows: number;
  readonly connection: State['connection'];
  readonly view?: View;
}): Store {
  return createStore<State>(() => ({
    connection: initial.connection,
    server: undefined,
    ownCommandsPerSecond: 0,
    freshness: Object.fromEntries(Object.keys(initial.slices).map((noun) => [noun, { name: 'waiting' }])),
    slices: initial.slices,
    needs: [],
    marks: {},
    past: undefined,
    screen: {
      columns: initial.columns,
      rows: initial.rows,
      focus: initial.focus,
      isZoomed: false,
      isReadOnly: false,
      view: initial.view ?? { name: 'all', arrangement: { kind: 'all' } },
      empty: [],
      emptySinceMs: {},
      guide: undefined,
      wants: {},
      mode: { name: 'browse' },
      status: undefined,
      nowMs: Date.now(),
    },
  }));
}

/** Whether it says the same of every feature, but for when that was learned. */
export function isFreshnessAlike(one: State['freshness'], other: State['freshness']): boolean {
  return (
    one === other ||
    Object.entries(one).every(([noun, { name, error }]) => {
      const known = other[noun];
      return known?.name === name && known.error === error;
    })
  );
}

/** Applies a change to one slice; listeners hear of it only if something changed. */
export function changeSlice(store: Store, noun: string, change: (slice: unknown) => unknown): void {
  const before = store.getState().slices;
  const next = change(before[noun]);
  if (next !== before[noun]) store.setState({ slices: { ...before, [noun]: next } });
}

export function changeScreen(store: Store, change: Partial<Screen>): void {
  store.setState((state) => ({ screen: { ...state.screen, ...change } }));
}

/** The needs by feature; what is as it was stays the same object. */
export function marksOf(needs: readonly OpenNeed[], before: State['marks']): State['marks'] {
  const marks: Record<string, { bad: number; warn: number; acked: number; rows: Record<string, RowMark> }> =
    {};
  for (const { feature, severity, ack, row } of needs) {
    marks[feature] ??= { bad: 0, warn: 0, acked: 0, rows: Object.create(null) };
    const own = marks[feature];
    const isAcked = ack !== undefined;
    own[isAcked ? 'acked' : severity] += 1;
    const known = row === undefined ? undefined : own.rows[row];
    // The list comes with the most urgent first.
    if (row !== undefined && !known) own.rows[row] = { severity, isAcked };
  }
  return Object.fromEntries(
    Object.entries(marks).map(([noun, own]) => {
      const old = before[noun];
      return [noun, old && isDeepStrictEqual(old, own) ? old : own];
    }),
  );
}
