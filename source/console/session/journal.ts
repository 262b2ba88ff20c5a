import { type BegunAct, beginAct, type Ending, inputOf } from '../../commands/audit-trail.ts';
import { type AnyCommand, isWriting } from '../../commands/run-command.ts';
import type { Config } from '../../config.ts';
import { DeniedError, messageOf, QuarterdeckError } from '../../errors.ts';
import type { Outcome, Undo } from '../../features/feature.ts';
import type { Act, Question } from '../../store/store.ts';
import { safeLines } from '../../ui/text.ts';

/**
 * What was done from this console: each act is noted in the audit trail before it is sent, and for an hour it is known
 * whether it can be taken back.
 */
export type Journal = {
  /**
   * Before the act is sent.
   * @throws {AuditError} in production, where nothing is changed that is not in the trail
   */
  begin(act: Act, command: AnyCommand, asked: Question | undefined): BegunEntry;
  /** Those of the last hour, the newest first. */
  entries(): readonly Entry[];
};

export type BegunEntry = {
  /** It was answered. @returns why that is not in the trail; undefined: it is */
  done(outcome: Outcome): string | undefined;
  /** It was refused, or its answer did not come. @returns as `done` does */
  failed(error: unknown): string | undefined;
};

export type Entry = {
  /** As `:undo` calls it. */
  readonly number: number;
  readonly atMs: number;
  readonly path: string;
  readonly answer: string;
  readonly undo: Undo | undefined;
  /** Why it cannot be taken back, where it cannot. */
  readonly final: string | undefined;
  /** Epoch ms; `unknown`: that was sent, and no answer came. */
  takenBackAtMs?: number | 'unknown';
};

export const undoableMs = 3_600_000;
const mostEntries = 200;

/** Messages: what was said stands in its room. And `undo`, which is noted with what it takes back. */
const said = new Set(['chat send', 'chat read', 'chat mark', 'chat tail', 'chat here']);

/** Whether an act belongs into the trail: it changes something, or the right to. */
export function isNoted({ path, input }: Pick<Act, 'path' | 'input'>, command: AnyCommand): boolean {
  if (path === 'unlock' || path === 'relock') return true;
  return isWriting(command, input) && !said.has(path);
}

export function makeJournal({
  config,
  server,
}: {
  readonly config: Config;
  readonly server: string;
}): Journal {
  let entries: Entry[] = [];
  let numbers = 0;
  /** Or why it cannot be noted. */
  const note = (act: BegunAct): ((ending: Ending) => void) | string => {
    try {
      return beginAct(config.stateDirectory, act);
    } catch (error) {
      if (act.production) throw error;
      return messageOf(error);
    }
  };
  const none: BegunEntry = { done: () => undefined, failed: () => undefined };

  return {
    begin(act, command, asked) {
      if (!isNoted(act, command)) return none;
      const { operator, context } = config;
      const noted = note({
        operator,
        server,
        context: context?.name,
        production: context?.production === true,
        command: act.path,
        input: inputOf(act.input, act.commandLine),
        question: asked?.question,
      });
      const end = (ending: Ending): string | undefined => {
        if (typeof noted === 'string') return noted;
        try {
          noted(ending);
          return;
        } catch (error) {
          return messageOf(error);
        }
      };
      return {
        done({ text, undo, exitCode = 0 }) {
          const answer = safeLines(text).join('; ');
          const isDone = exitCode === 0;
          if (isDone && act.path !== 'undo' && command.offline !== true) {
            numbers += 1;
            const { final } = command;
            const entry: Entry = { number: numbers, atMs: Date.now(), path: act.path, answer, undo, final };
            entries = [entry, ...entries].slice(0, mostEntries);
          }
          return end({ outcome: isDone ? 'done' : 'failed', answer });
        },
        failed: (error) =>
          end({ outcome: isUnanswered(error) ? 'unknown' : 'failed', answer: messageOf(error) }),
      };
    },
    entries() {
      const sinceMs = Date.now() - undoableMs;
      entries = entries.filter(({ atMs }) => atMs >= sinceMs);
      return entries;
    },
  };
}

/** Whether it may have been done all the same: nobody refused it, and no answer came. */
export function isUnanswered(error: unknown): boolean {
  if (error instanceof DeniedError || (error instanceof Error && error.name === 'ReplyError')) return false;
  return !QuarterdeckError.is(error) || error.kind === 'connection';
}
