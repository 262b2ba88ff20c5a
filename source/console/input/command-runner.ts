import { auditedOn } from '../../commands/audited.ts';
import { assertUnchanged, questionOf } from '../../commands/confirm.ts';
import type { CommandTable } from '../../commands/palette.ts';
import { type AnyCommand, isWriting, ReadOnlyError, runCommand } from '../../commands/run-command.ts';
import type { Config } from '../../config.ts';
import { messageOf, QuarterdeckError } from '../../errors.ts';
import type { CommandContext, Outcome, Text } from '../../features/feature.ts';
import type { Connection } from '../../redis/connection/connect.ts';
import {
  type Act,
  changeScreen,
  type Question,
  type State,
  type Status,
  type Store,
} from '../../store/store.ts';
import { safeJson, safeLines, sanitise } from '../../ui/text.ts';
import type { ConsoleLog } from '../console-log.ts';
import type { BegunEntry, Journal } from '../session/journal.ts';
import { openView, type View } from './output-view.ts';

/** Runs commands for the keyboard: what they say goes to the status line, what they print to the output view. */
export type CommandRunner = {
  /** Why this cannot be run now; undefined when it can. */
  refusal(path: string, input?: Record<string, unknown>): string | undefined;
  /** What to ask before running it, tied to what is there now; undefined: nothing. Rejects as the command would. */
  question(act: Act): Promise<Question | undefined>;
  /**
   * Resolves with whether it went well; never rejects. `isShown`: a text of several lines gets a view of its own.
   * `asked`: the question that was answered with yes; when what it is about has changed, nothing is done.
   */
  run(act: Act, options?: RunOptions): Promise<boolean>;
  /**
   * Does it without a word, once what was asked about was looked at again. Resolves with why it was not done; undefined:
   * it was done. Never rejects.
   */
  attempt(act: Act, asked: Question | undefined): Promise<string | undefined>;
  /** Posts what was done where the config wants a trail of it. */
  trail(path: string, text: string): Promise<void>;
  /** What it would send, and what is there now; nothing is changed. Rejects as a reading would. */
  preview(act: Act): Promise<readonly string[]>;
  /** Runs it without a word, whatever comes of it; resolves with whether it went well. */
  runQuietly(path: string, input: Readonly<Record<string, unknown>>): Promise<boolean>;
  /** Whether something that was begun runs, but for what needs no server. */
  isBusy(): boolean;
  /** Ends what prints into the output view, as the view is left. */
  stop(): void;
  /** Ends everything that runs. */
  close(): void;
};

export type RunOptions = {
  readonly isShown?: boolean;
  readonly asked?: Question;
  /** Runs this in place of what the act's path names, and is reported and refused as that. */
  readonly as?: AnyCommand;
};

export type CommandRunnerOptions = {
  readonly store: Store;
  readonly table: () => CommandTable;
  readonly config: Config;
  readonly connections: readonly [Connection, ...Connection[]];
  /** Whether this feature's names spread over several servers. */
  readonly spreads: (noun: string) => boolean;
  /** Asks this feature's feed at once. */
  readonly refresh: (noun: string) => void;
  /** What is sent from here on is not polling; returns what ends that. */
  readonly exclude: () => () => void;
  /** Lends the terminal to a command that runs another program in it. */
  readonly lendTerminal: (run: () => Promise<void>) => Promise<void>;
  readonly log?: ConsoleLog | undefined;
  readonly journal: Journal;
};

type Printing = Pick<CommandContext, 'emit' | 'write' | 'progress' | 'warn'>;

const silent: Printing = { async emit() {}, async write() {}, progress() {}, warn() {} };

/** How long a command of the palette may be silent before a view shows that it runs. */
const showAfterMs = 300;

export function makeCommandRunner(options: CommandRunnerOptions): CommandRunner {
  const { store, table, config, connections, spreads, refresh } = options;
  const [connection] = connections;
  const leaving = new AbortController();
  /** What prints into the view that is open. */
  let viewing: AbortController | undefined;

  const say = (text: string, tone: Status['tone']): void => {
    changeScreen(store, { status: { text: sanitise(text), tone } });
  };
  const refusal = (path: string, input: Record<string, unknown> = {}): string | undefined => {
    const command = table().get(path);
    if (!command) return `There is no command \`${path}\``;
    const past = command.offline ? undefined : pastRefusal(store.getState().past);
    if (past !== undefined) return past;
    if (config.readOnly && isWriting(command, input)) return sentenceOf(new ReadOnlyError(path));
    if (command.offline) return;
    // It goes on with the others, and tells by itself when the one that it needs is away.
    if (connections.length > 1 && spreads(path.split(' ', 1)[0] ?? '')) return;
    const { connection: state } = store.getState();
    if (state.name === 'live' && state.silentSinceMs === undefined) return;
    // Sent to a server that hangs, it would be done whenever that goes on, when nobody expects it any more.
    if (state.name === 'live') return 'Not done: Redis does not answer';
    return `Not done: ${state.name === 'lost' ? 'Redis is lost' : 'not connected yet'}${state.error ? ` (${state.error})` : ''}`;
  };

  const contextFor = (act: Act, signal: AbortSignal, out: Printing): CommandContext => ({
    redis: connection.ask,
    connections,
    config: { ...config, json: act.json },
    listen: () => connection.listen(),
    signal,
    commandLine: act.commandLine,
    async *stdin() {},
    unconfirmed() {},
    audited: auditedOn(config),
    printFrame: async (...frame) => (await import('../print-frame.tsx')).printFrame(...frame),
    ...out,
  });

  let running = 0;
  const run = async (act: Act, { isShown = false, asked, as }: RunOptions): Promise<boolean> => {
    const reason = refusal(act.path, act.input);
    const command = as ?? table().get(act.path);
    if (reason !== undefined || !command) {
      say(reason ?? '', 'bad');
      return false;
    }
    const own = new AbortController();
    const signal = AbortSignal.any([leaving.signal, own.signal]);
    const view = openView({
      store,
      title: act.path,
      signal,
      openAfterMs: isShown && !command.takesCommandLine ? showAfterMs : undefined,
      onOpen: () => {
        viewing = own;
      },
    });
    const context = contextFor(act, signal, {
      emit: (_, text) => view.print(text),
      write: (bytes) => view.print(new TextDecoder().decode(bytes).replace(/\n$/, '').split('\n')),
      progress: (text) => say(text, 'info'),
      warn: (text) => say(text, 'bad'),
    });
    let noted: BegunEntry;
    try {
      noted = options.journal.begin(act, command, asked);
    } catch (error) {
      view.end(undefined);
      say(`Not done: ${sentenceOf(error)}`, 'bad');
      return false;
    }
    const included = options.exclude();
    const counts = command.offline === true ? 0 : 1;
    running += counts;
    let following: Outcome['next'];
    let isDone = false;
    try {
      if (asked) await assertUnchanged(act.path, command, context, asked);
      const outcome = await execute(command, act, context, options);
      isDone = true;
      const missing = noted.done(outcome);
      report(outcome, { act, isShown, view, say });
      if (missing !== undefined) say(`${firstLine(outcome.text)}; but ${missing}`, 'bad');
      following = outcome.next;
      await outcome.printed?.();
      if (isForTrail(act, command)) await postTrail(act, outcome, context);
      return true;
    } catch (error) {
      const missing = isDone ? undefined : noted.failed(error);
      if (!signal.aborted) say([sentenceOf(error), missing].filter(Boolean).join('; and '), 'bad');
      return false;
    } finally {
      running -= counts;
      included();
      view.end(following && { act: { ...following, commandLine: [], json: false }, help: following.help });
      refresh(act.path.split(' ')[0] ?? '');
    }
  };

  return {
    refusal,
    async question(act) {
      const command = table().get(act.path);
      if (!command || config.yes) return;
      return await questionOf(command, { redis: connection.ask, connections, config }, act.input);
    },
    async attempt(act, asked) {
      const reason = refusal(act.path, act.input);
      const command = table().get(act.path);
      if (reason !== undefined || !command) return reason ?? '';
      const meant = { ...act, input: asked?.input ?? act.input };
      let noted: BegunEntry;
      try {
        noted = options.journal.begin(meant, command, asked);
      } catch (error) {
        return sentenceOf(error);
      }
      const included = options.exclude();
      running += 1;
      try {
        const context = contextFor(act, leaving.signal, silent);
        if (asked) await assertUnchanged(act.path, command, context, asked);
        const outcome = await runCommand(act.path, command, meant.input, context);
        const missing = noted.done(outcome);
        if (missing !== undefined) say(`${act.path}: done, but ${missing}`, 'bad');
        return (outcome.exitCode ?? 0) === 0 ? undefined : firstLine(outcome.text);
      } catch (error) {
        const missing = noted.failed(error);
        return [sentenceOf(error), missing].filter(Boolean).join('; and ');
      } finally {
        running -= 1;
        included();
        refresh(act.path.split(' ')[0] ?? '');
      }
    },
    async trail(path, text) {
      const act: Act = { path, input: {}, commandLine: [], json: false };
      const warn = (warning: string): void => say(warning, 'bad');
      await postTrail(act, { text }, contextFor(act, leaving.signal, { ...silent, warn }));
    },
    async preview(act) {
      const reason = refusal(act.path, act.input);
      const command = table().get(act.path);
      if (reason !== undefined || !command) return [reason ?? ''];
      const included = options.exclude();
      try {
        const { previewOf } = await import('../../commands/preview.ts');
        return await previewOf(act.path, command, contextFor(act, leaving.signal, silent), act.input);
      } finally {
        included();
      }
    },
    async run(act, runOptions = {}) {
      const startedAt = performance.now();
      options.log?.write({ event: 'act', command: act.path });
      const isGood = await run(act, runOptions);
      const durationMs = Math.round(performance.now() - startedAt);
      options.log?.write({ event: 'done', command: act.path, durationMs, isGood });
      return isGood;
    },
    async runQuietly(path, input) {
      const command = table().get(path);
      if (!command) return false;
      const act = { path, input, commandLine: [], json: false };
      const included = options.exclude();
      try {
        await runCommand(path, command, input, contextFor(act, leaving.signal, silent));
        refresh(path.split(' ')[0] ?? '');
        return true;
      } catch {
        return false;
      } finally {
        included();
      }
    },
    isBusy: () => running > 0,
    stop: () => viewing?.abort(),
    close: () => leaving.abort(),
  };
}

/** Why nothing is asked of Redis while another moment than now is shown; undefined when it is now. */
export function pastRefusal(past: State['past']): string | undefined {
  if (!past) return;
  if (past.kind === 'replay') return 'Not done: this is a replay, there is no server behind it';
  return 'Not done: frozen; t returns to now';
}

/** Whether others should know of it: it changed something, and is not itself a message. */
function isForTrail({ path, input }: Act, command: AnyCommand): boolean {
  const [noun = ''] = path.split(' ', 1);
  return isWriting(command, input) && !['chat', 'ack', 'unack', 'share'].includes(noun);
}

function firstLine(text: Text): string {
  return safeLines(text)[0] ?? '';
}

/** What was done here, in the room that the config names: a trail for everybody. */
async function postTrail({ path }: Act, { text }: Outcome, context: CommandContext): Promise<void> {
  const { room, operator, context: place } = context.config;
  if (room === undefined) return;
  const [first = ''] = safeLines(text);
  const where = place ? ` on ${place.name}` : '';
  try {
    const { sayInRoom } = await import('../../commands/needs/needs-command.ts');
    await sayInRoom(context, `* ${operator} ran ${path}${where}: ${first}`);
  } catch (error) {
    context.warn(`It was not posted in ${room}: ${messageOf(error)}`);
  }
}

async function execute(
  command: AnyCommand,
  act: Act,
  context: CommandContext,
  { lendTerminal }: CommandRunnerOptions,
): Promise<Outcome> {
  if (!command.takesCommandLine) return await runCommand(act.path, command, act.input, context);
  let outcome: Outcome | undefined;
  await lendTerminal(async () => {
    outcome = await runCommand(act.path, command, act.input, context);
  });
  return outcome ?? { text: '' };
}

type Report = {
  readonly act: Act;
  readonly isShown: boolean;
  readonly view: View;
  readonly say: (text: string, tone: Status['tone']) => void;
};

function report(outcome: Outcome, { act, isShown, view, say }: Report): void {
  const isJson = act.json && outcome.json !== undefined;
  const text = isJson ? safeJson(outcome.json, 2).split('\n') : outcome.text;
  if (text.length === 0) return;
  const lines = safeLines(text);
  const [first = '', ...more] = lines;
  if (isShown && (more.length > 0 || view.isOpen())) void view.print(lines, 0);
  else say(first, (outcome.exitCode ?? 0) === 0 ? 'good' : 'info');
}

/** The failure and what to do about it, in one line. */
export function sentenceOf(error: unknown): string {
  const hint = error instanceof QuarterdeckError && error.hint !== undefined ? `. ${error.hint}` : '';
  return messageOf(error) + hint;
}
