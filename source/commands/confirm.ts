import { QuarterdeckError } from '../errors.ts';
import type { Asked, ReadContext } from '../features/feature.ts';
import type { AnyCommand } from './run-command.ts';

/** What stands between a person and a command that takes something away, whoever runs it. */

type Input = Record<string, unknown>;

/** What it was about is no longer as it was when the question was asked. */
export class ChangedMeanwhileError extends QuarterdeckError {
  constructor(path: string, name: string, state: string | undefined) {
    super(
      'data',
      'CHANGED_MEANWHILE',
      state === undefined
        ? `Not done: there is nothing left of ${name} that \`${path}\` could act on`
        : `Not done: ${name} has changed since the question: ${state}`,
      { hint: 'Look again, and ask again if it is still meant' },
    );
  }
}

/** Whether a script has to give `--yes`: there is nobody to ask. */
export function needsYes({ confirm, guard }: AnyCommand): boolean {
  return confirm !== undefined || guard?.loses === true;
}

/**
 * The question to ask before running it; undefined when there is none.
 * @throws what looking at the thing fails with
 */
export async function questionOf(
  command: AnyCommand,
  context: ReadContext,
  input: Input,
): Promise<Asked<Input> | undefined> {
  if (command.guard) return await command.guard.look(context, input);
  const text = command.confirm?.(input);
  if (text === undefined) return;
  const question = /[.?!]$/.test(text) ? text : `${text}?`;
  return { question, name: '', state: '', input };
}

/**
 * Looks again, once the question was answered.
 * @throws {ChangedMeanwhileError} when the thing is not as it was
 */
export async function assertUnchanged(
  path: string,
  command: AnyCommand,
  context: ReadContext,
  asked: Asked<Input>,
): Promise<void> {
  if (!command.guard) return;
  const now = await command.guard.look(context, asked.input);
  if (now?.state !== asked.state) throw new ChangedMeanwhileError(path, asked.name, now?.state);
}
