import type { ComponentType } from 'react';
import type * as v from 'valibot';
import type { Config } from '../config.ts';
import type { Need } from '../need.ts';
import type { Client } from '../redis/client.ts';
import type { Connection } from '../redis/connection/connect.ts';
import type { KeyKind } from '../redis/key-types.ts';
import type { List, Listed } from '../ui/list.ts';
import type { Nothing } from '../ui/nothing.ts';
import type { PaneFrameInfo } from '../ui/pane-frame.tsx';
import type { Parameter } from './parameters.ts';
import type { Printed } from './printed.ts';

export * from './parameters.ts';

/**
 * What a feature is: the slice of the store it owns, how the slice learns (feed), what an operator or a script may
 * do (commands), which keys do it in the console, and how it looks (pane). Closed over its slice: nothing outside
 * the folder knows its type.
 */
export type Feature<Slice extends Listed> = {
  /** The noun users say: the command, the pane, the field of `snapshot --json`, the folder. */
  readonly noun: string;
  /** One line for help. */
  readonly summary: string;
  /** Its names spread over several `--url`, by the router; without it the feature lives on one server. */
  readonly spreads?: boolean;
  /** What the pane shows before anything was learned. */
  initial(config: Config): Slice;
  readonly feed: Feed<Slice>;
  // biome-ignore lint/suspicious/noExplicitAny: each command keeps its own input type; the table is heterogeneous
  readonly commands: readonly Command<any>[];
  readonly keys: readonly KeyBinding<Slice>[];
  /** What the pane lists, and what its rows can be ordered by and filtered on. */
  // biome-ignore lint/suspicious/noExplicitAny: each feature keeps the type of its rows
  readonly list: List<Slice, any>;
  /** Names for the words of its commands, by how a word is called (`ROOM`); else the rows are what the first one names. */
  readonly names?: Readonly<Record<string, (slice: Slice) => readonly string[]>>;
  /** How much of its row the pane takes beside its neighbours; 1 unless given. */
  readonly breadth?: number;
  /** Whether there is nothing of it at all; that its list has no rows, unless given. */
  isEmpty?(slice: Slice): boolean;
  /** What is said when there is nothing of it. Without it there is some of it on every server. */
  readonly nothing?: Nothing;
  /** How what other programs made is found and put into the index: `d` in the console. */
  readonly discovery?: {
    /** What is looked for, such as `locks that other programs hold`. */
    readonly what: string;
    load(): Promise<Discovery>;
  };
  /** The words in the pane's border beside its noun, such as `#ops  6 members`. */
  headline(slice: Slice): string;
  /** What of it needs a human, as far as the slice knows; none when all is well. */
  needs(slice: Slice, nowMs: number): readonly Need[];
  /** How much of it calls the operator, who has not seen it yet: it stands in line 2. */
  calls?(slice: Slice): number;
  /** The slice with what a need is about in view, where that takes more than choosing its row. */
  goTo?(slice: Slice, need: Need): Slice;
  /** Whether the clock moves something the pane shows, such as what is left of a TTL: it is then painted every second. */
  ticks?(slice: Slice): boolean;
  /** What it shows one at a time, such as channels or logs: other panes lead there by their names. */
  readonly places?: Places<Slice>;
  readonly attention?: Attention<Slice>;
  /** The feature's part of `snapshot --json`: the shape of its list or status command. */
  snapshot(context: ReadContext): Promise<unknown>;
  /** Fields of the snapshot that grow or shrink by the clock alone, such as how old something is: no news to `watch`. */
  readonly clocks?: readonly string[];
  readonly doctor?: Doctor;
  /** What users of the server need for each job with this feature, as `quarterdeck acl` prints it. */
  readonly roles?: readonly Role[];
  /** Lazy, so that scripted mode never loads ink or react. */
  pane(): Promise<ComponentType<PaneProps<Slice>>>;
};

// biome-ignore lint/suspicious/noExplicitAny: each feature keeps its own slice type; the list is heterogeneous
export type AnyFeature = Feature<any>;

/** What a pane gets. It paints its frame around exactly `rows` lines of `columns` cells; it holds no timer and no socket. */
export type PaneProps<Slice> = {
  readonly slice: Slice;
  /** What stands in its frame; `ui/` has the frame and the list for it. */
  readonly frame: PaneFrameInfo;
  readonly columns: number;
  readonly rows: number;
  readonly focused: boolean;
  readonly zoomed: boolean;
  /**
   * Epoch ms of this console's clock, for what the clock moves; it stands still while what is shown is stale. Only
   * meaningful while the feature `ticks`.
   */
  readonly nowMs: number;
  /** What is being typed for a `sticky` question of this feature: the pane paints it itself, with ui's Prompt. */
  readonly typing?: { readonly text: string; readonly cursor: number } | undefined;
};

export type Places<Slice> = {
  all(slice: Slice): readonly { readonly place: string; readonly ties: readonly string[] }[];
  show(slice: Slice, place: string): Slice;
};

/** What follows from the operator looking at the pane, such as marking messages as seen. */
export type Attention<Slice> = {
  /**
   * A frame with the pane in focus was handed to the terminal. `painted` is the slice as it was then; `slice` may know
   * more by now, which nobody has seen. Returns the same slice if nothing new was seen.
   */
  seen(slice: Slice, painted: Slice, size: { columns: number; rows: number }): Slice;
  /** The focus went elsewhere, or the console ends. */
  away(slice: Slice): Slice;
  /**
   * A command to run because of what was seen. Asked after each frame, never while one runs, and what went well is
   * not run twice in a row. Not asked under `--read-only`.
   */
  tell(slice: Slice): { readonly verb: string; readonly input: Record<string, unknown> } | undefined;
  /** A command to run every 20 s for as long as the pane has the focus. Not asked under `--read-only`. */
  beat?(slice: Slice): { readonly verb: string; readonly input: Record<string, unknown> } | undefined;
};

export type Discovery = {
  /** Looks through all keys at a bounded rate, and changes nothing. Rejects once the signal is aborted. */
  find(context: ReadContext, signal: AbortSignal): Promise<Discovered>;
  /** Puts names into the index, so that every console shows them. @throws what a server refuses it with */
  register?(context: ReadContext, names: readonly string[]): Promise<void>;
};

export type Discovered = {
  /** What the index does not know and can be put there. */
  readonly names: readonly string[];
  /** What is there, and tells too little to be listed by the pane. */
  readonly unlisted?: readonly string[];
  /** Keys that are named alike and hold something else. */
  readonly passedOver?: readonly string[];
  /** Which of several servers were not looked through, and why. */
  readonly missing?: readonly string[];
};

/** A change rather than a value, so that a late reply cannot erase a newer neighbour. */
export type Change<Slice> = (slice: Slice) => Slice;

export type ReadContext = {
  readonly redis: Client;
  /** Every shard, in the order of `--url`; the first is `redis`. */
  readonly connections: readonly Connection[];
  readonly config: Config;
  /** Where a reading tells what it had to leave out, such as a key of another type; each is named, the rest is given. */
  warn?(text: string): void;
};

export type Feed<Slice> = {
  /** How long to wait between two readings. */
  readonly everyMs: number;
  /**
   * Asks Redis what the slice needs to know. Everything due in one tick travels in one pipeline, so issue commands
   * without awaiting between them where possible: the whole console stays under 20 commands a second.
   */
  read(context: ReadContext, slice: Slice): Promise<Change<Slice>>;
  /** Whether the slice knows of everything there is, not only of what was used last. After every reading unless given. */
  isWhole?(slice: Slice): boolean;
  /** How many names the readings towards that have looked at to the end, and how many there are. */
  progress?(redis: Client): { readonly looked: number; readonly known: number } | undefined;
  /** What the readings are about, such as the selected room: when it changes, the feed is read at once. */
  subject?(slice: Slice): unknown;
  /** Channels to hear; asked again whenever the slice changes. */
  channels?(context: ReadContext, slice: Slice): readonly string[];
  /** What a batch of messages tells; without it (or when it returns undefined) messages ring for a new reading. */
  heard?(messages: readonly { channel: string; message: string }[]): Change<Slice> | undefined;
};

/**
 * From which age on what was read is called stale: a fixed bound of each pane, whatever the load. Intervals are never
 * stretched so far that a server in good health could not keep it.
 */
export function staleAfterMs({ everyMs }: Pick<Feed<never>, 'everyMs'>): number {
  return Math.max(5000, everyMs * 4);
}

/** What the feature knows of its patients: the keys that may be its own, whoever wrote them. */
export type Doctor = {
  /** Whether to look at this key, by its name alone. */
  claims(key: string): boolean;
  /** What a key has to be for the feature to read it; nobody minds what the keys of things are that are not registered. */
  readonly kindOf?: (key: string) => KeyKind | undefined;
  /** How the index calls the thing that such a key is of; its name unless given. */
  readonly listedAs?: (kind: KeyKind, key: string) => string;
  /**
   * Looks at a batch of claimed keys; `redis` is the server or cluster they were found on.
   * @param isBrief so much was found already that the findings are only counted
   */
  examine(redis: Client, keys: readonly string[], isBrief?: boolean): Promise<readonly Finding[]>;
};

export type Finding = {
  /** Such as `LOCK_WITHOUT_TTL`. */
  readonly code: string;
  readonly severity: 'warning' | 'error';
  readonly key: string;
  /** What is wrong and what follows from it. */
  readonly message: string;
  /** What mends it: what `--fix` does, or what to do by hand. */
  readonly fix: string;
  /** Mends it; only what is certain to lose nothing. Safe to run twice. */
  readonly repair?: () => Promise<void>;
};

/** The rights that one job needs. Roles of several features by the same name are one. */
export type Role = {
  /** What whoever does it is called, such as `locker`. */
  readonly name: string;
  /** Texts of the scripts it runs: they need what they call. */
  readonly scripts: readonly string[];
  /** What is sent without a script, such as `HGET` or `MEMORY USAGE`. */
  readonly commands: readonly string[];
  /** Patterns of the keys of one thing, made as its keys are. */
  keys?(redis: Client, name: string): readonly string[];
  /** Patterns of keys that are not of one thing, such as an index. */
  readonly sharedKeys?: (redis: Client) => readonly string[];
  /** Of keys that are only read, and by no script that may write. */
  reads?(redis: Client, name: string): readonly string[];
  /** Patterns of the channels it publishes to or listens on. */
  channels?(redis: Client, name: string): readonly string[];
  /** Listens on them, and stops with each or only with the connection. Scripts that notify publish there. */
  readonly listens?: 'changing' | 'once';
  /** Other programs publish there, so that they are no sharded channels in a Cluster, either. */
  readonly hasPlainChannels?: boolean;
  /** What of other features it does: their roles, for names made from one of its own. */
  readonly uses?: readonly { readonly role: string; nameOf(name: string): string }[];
  /** Its name has to be given: its keys begin with the name. */
  readonly needsName?: boolean;
};

type Parameters = Record<string, Parameter<unknown>>;
export type InputOf<Words extends Parameters, Flags extends Parameters> = {
  readonly [Name in keyof Words]: Words[Name] extends Parameter<infer Value> ? Value : never;
} & { readonly [Name in keyof Flags]: Flags[Name] extends Parameter<infer Value> ? Value : never };

/**
 * What stands between a person and an act that takes something away: a question about the thing as it is now, and a
 * second look before it is done. The same from a key, the palette and a shell.
 */
export type Guard<Input> = {
  /** What goes does not come back: scripts need `--yes`. Else only people are asked. */
  readonly loses: boolean;
  /** Undefined: there is nothing to lose, and the command itself tells why. */
  look(context: ReadContext, input: Input): Promise<Asked<Input> | undefined>;
};

export type Asked<Input> = {
  /** What is done to what, and what follows: `Break deploy:web, held by ci-14:2201, fence 88213? ci-15:977 gets it.` */
  readonly question: string;
  /** What it is about, as people call it. */
  readonly name: string;
  /** How that is now, without what the clock moves: when it is otherwise before the act, nothing is done. */
  readonly state: string;
  /** The command's input, tied to what was seen where the command can check it (a token, a position). */
  readonly input: Input;
};

export type Command<Input> = {
  readonly verb: string;
  readonly summary: string;
  /** Positional words, in order; a `list` comes last. */
  readonly words: Parameters;
  readonly flags: Parameters;
  /** Refused under `--read-only`. */
  readonly writes: boolean;
  /** Given this it changes nothing, though the command writes: then it is not refused. */
  readonly onlyReads?: (input: Input) => boolean;
  /** Asked before it runs, from a key, the palette and a shell alike; scripts need `--yes`. */
  readonly confirm?: (input: Input) => string;
  /** As `confirm`, for what has to be looked at to ask well. */
  readonly guard?: Guard<Input>;
  /** Runs without Redis: `redis` and `connections` are there but never connected. */
  readonly offline?: boolean;
  /** Worth running while some of several servers are down: it tells itself what is missing. */
  readonly partial?: boolean;
  /** The words behind `--`, such as the command line of `lock run`. */
  readonly takesCommandLine?: boolean;
  /**
   * Runs another program and passes its exit code through: signals are passed on to it instead of ending the run,
   * and what a lost Redis means for it is the command's to decide.
   */
  readonly supervises?: boolean;
  /** How long it may take to put things in order after a signal, while Redis answers: 2000 unless given, at most 4000. */
  readonly endsWithinMs?: number;
  /** Given this it starts without Redis and goes on without it, and reports that itself: `--timeout` does not end it. */
  readonly ridesOut?: (input: Input) => boolean;
  /** What it does outside of Redis: a dry run then says this, and does not run it. */
  readonly outside?: string;
  /** What it does after its first write, for a dry run, which gets no answer to that one. */
  readonly follows?: string;
  /** Why what it did cannot be taken back; said by `:undo`. */
  readonly final?: string;
  /** What it prints with `--json`; without one it prints none, such as a command that only runs another. */
  readonly prints?: v.GenericSchema;
  /** What each line is where it prints NDJSON. */
  readonly emits?: v.GenericSchema;
  /** Lines of examples for `--help`. */
  readonly examples?: readonly string[];
  run(context: CommandContext, input: Input): Promise<Outcome>;
};

/** What to make of lines of stdin that cannot be taken as they are. */
export type LineRules = {
  /** What stands for a line of more than so many bytes, made of the text of these and of how many more there were. */
  readonly long?: { readonly bytes: number; shorten(head: string, moreBytes: number): string };
  /** Shows bytes that are no UTF-8 as `\xe9`. */
  readonly showsBytes?: boolean;
};

/** Everything a command may touch besides Redis. In the console `emit` and `progress` go to the status line. */
export type CommandContext = ReadContext & {
  /** The connection's subscriber, opened on first use. */
  listen(): Client;
  /** Aborted by SIGINT, SIGTERM, a closed stdout, or leaving the console. */
  readonly signal: AbortSignal;
  /** The words behind `--`. */
  readonly commandLine: readonly string[];
  /**
   * Lines of stdin, without their newline, until its end or the signal; empty in the console. One that is very long
   * or no UTF-8 ends it with an error after the lines before it, unless the rules say what to make of it.
   */
  stdin(rules?: LineRules): AsyncIterable<string>;
  /** One item of a stream: NDJSON with `--json`, else its text. Resolves when it was handed to the reader. */
  emit(item: unknown, text: Text): Promise<void>;
  /** Raw bytes to stdout, for commands whose output is a file's content. Resolves when handed on. */
  write(bytes: Uint8Array): Promise<void>;
  /** One line for people: on stderr if that is a terminal, in the console's status line. Never data. */
  progress(text: string): void;
  /** A diagnostic that must be seen even without a terminal: one line on stderr. */
  warn(text: string): void;
  /**
   * Describes what Redis has not confirmed yet, such as `12 messages to news`; undefined when there is nothing. Asked
   * when the run has to end without an answer, so that it can be said.
   */
  unconfirmed(describe: () => string | undefined): void;
  readonly printFrame: PrintFrame;
  /** What was done from consoles of this user on this machine, and in sentences what of that cannot be read. */
  audited?(): Promise<{ readonly acts: readonly AuditedAct[]; readonly unread: readonly string[] }>;
};

/** An act of the audit trail, such as `limit reset` by ada. */
export type AuditedAct = {
  readonly atMs: number;
  readonly operator: string;
  readonly command: string;
  readonly outcome: 'done' | 'failed' | 'unknown';
  readonly answer: string;
};

/** The size of one frame of the console, in cells. */
export type FrameSize = {
  readonly columns: number;
  readonly rows: number;
  /** The noun of the pane that has all of the frame. */
  readonly zoomed?: string | undefined;
  /** It becomes a picture on this background: with all colours, wherever it goes. */
  readonly picture?: 'dark' | 'light' | undefined;
};

/**
 * One frame of the console as exactly `rows` painted lines. Whoever runs a command gives it this, so that commands load
 * nothing of the screen.
 */
export type PrintFrame = (
  context: ReadContext,
  chosen: readonly AnyFeature[],
  size: FrameSize,
) => Promise<readonly string[]>;

/**
 * What people read: a string is one line, whatever it holds; several lines are a list. It is made safe where it is
 * printed, on terminals and pipes alike, and nothing in a line can begin another one.
 */
export type Text = string | readonly string[];

/** A command that follows from what another one printed. */
export type Next = {
  readonly path: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** A word for the hints. */
  readonly help: string;
};

/** What takes back what a command did. */
export type Undo = {
  /** What is so afterwards, for the question: `key:7f3 has used up again what it had used`. */
  readonly effect: string;
  /**
   * Resolves with what was confirmed to be taken back. Not run again once its answer did not come.
   * @throws when nothing was taken back, such as because others have gone on from there; says why
   */
  run(context: CommandContext): Promise<Text>;
};

export type Outcome<Json = unknown> = {
  /** The one JSON value of `--json`; absent when everything went out through `emit`. */
  readonly json?: Json;
  /** The same for people; in the console its first line goes to the status line. */
  readonly text: Text;
  /** The text as it is painted where it goes to a terminal: our own sequences around text that was made safe. */
  readonly painted?: readonly string[];
  /** Exit 0 or 1 for yes/no questions; a child's own code for commands that run one. */
  readonly exitCode?: number;
  /** What Enter begins while the console shows what was printed, such as registering what was found. */
  readonly next?: Next;
  /** How it can be taken back for an hour, where it can. */
  readonly undo?: Undo;
  /** Runs once all of it was handed to the reader, such as marking messages as seen; not when that failed. */
  printed?(): Promise<void>;
};

/** What a key does while the feature's pane has the focus. Keys are `enter`, `up`, `ctrl+d`, `x`, … */
export type KeyBinding<Slice> = {
  readonly key: string | readonly string[];
  readonly help: string;
  /** Why it cannot be done now; said in the status line instead of doing it. */
  refuse?(slice: Slice): string | undefined;
  /** Moves within the pane: selection, scrolling, switching. Touches nothing outside the slice. */
  change?(slice: Slice, size: { columns: number; rows: number }): Slice;
  /** Runs one of the feature's commands, with this input (typed as the command's). */
  readonly verb?: string;
  /** Another of them, where that is what the key does now. */
  verbNow?(slice: Slice): string | undefined;
  /** With rows marked it is done to each of them, as if that one were chosen. */
  readonly eachMarked?: true;
  /** What it prints is shown over the panes; else its first line goes to the status line. */
  readonly shows?: boolean;
  input?(slice: Slice, typed: string): Record<string, unknown>;
  /** Asks for a line of text first; it arrives as `typed`. */
  readonly ask?: {
    label(slice: Slice): string;
    /** What the line holds at first. */
    initial?(slice: Slice): string;
    /** The text may have several lines, when they are pasted. */
    readonly isMultiline?: boolean;
    /** Keep asking after Enter, as a chat prompt does; the pane paints the line (its `typing`). */
    readonly sticky?: boolean;
    /** What a line that is a command does instead, or why there is none; undefined: it is no command. */
    command?(slice: Slice, typed: string): LineCommand | undefined;
    /** What the word before the cursor may become, whole; undefined: Tab has nothing to do with it. */
    complete?(slice: Slice, word: string): readonly string[] | undefined;
  };
};

export type LineCommand =
  | { readonly refusal: string }
  | {
      /** Of any command, such as `chat pin`. */
      readonly path: string;
      readonly input: Readonly<Record<string, unknown>>;
      /** What it prints is shown over the panes. */
      readonly shows?: boolean;
    };

/** Keeps the slice's type inside the folder. */
export function defineFeature<Slice extends Listed>(feature: Feature<Slice>): Feature<Slice> {
  return feature;
}

/** Infers a command's input from its words and flags, and what its `run` returns from what it prints. */
export function defineCommand<
  const Words extends Parameters = Record<never, never>,
  const Flags extends Parameters = Record<never, never>,
  const Prints extends v.GenericSchema = v.GenericSchema<unknown>,
>(
  command: Omit<Command<InputOf<Words, Flags>>, 'words' | 'flags' | 'prints' | 'run'> & {
    words?: Words;
    flags?: Flags;
    prints?: Prints;
    run(context: CommandContext, input: InputOf<Words, Flags>): Promise<Outcome<Printed<Prints>>>;
  },
): Command<InputOf<Words, Flags>> {
  return { ...command, words: command.words ?? {}, flags: command.flags ?? {} };
}
