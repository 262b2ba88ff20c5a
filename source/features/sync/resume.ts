import { realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from '../../redis/client.ts';
import { requireWholes } from '../../values.ts';
import { openTopic } from '../topic/topic.ts';
import { NoTargetError, NotHaltedError, ResumeError, TargetAwayError } from './errors.ts';
import { requireTarget } from './keys.ts';
import { type Halt, readRecord, type TargetRecord, writeResumption } from './record.ts';

export type ResumeOptions = {
  readonly base: string;
  readonly target: string;
  readonly channel: string;
  /** So many files may be removed once. */
  readonly deletes: number | undefined;
  /** Take the folder that is the base now for the one the target was filled from. */
  readonly adopt: boolean;
};

/**
 * Lets a halted target go on: its runner takes it up within a second or so, or at its next start. It is about this halt
 * alone: a later one is not resumed by it.
 * @returns the halt as it was
 * @throws {NoTargetError | NotHaltedError | ResumeError | TargetAwayError | WrongTypeError}
 */
export async function resumeTarget(
  redis: Client,
  { base, target, channel, deletes, adopt }: ResumeOptions,
): Promise<Halt> {
  openTopic(redis, channel);
  requireTarget(target);
  requireWholes({ deletes });
  const record = await readRecord(redis, channel, target);
  if (!record || !(await isBaseOf(record, base))) throw new NoTargetError(channel, base, target);
  const { halted } = record;
  if (!halted) throw new NotHaltedError(target);
  const { reason, would, token } = halted;
  if (reason === 'target-missing') throw new TargetAwayError(target);
  if (reason === 'base-replaced' && !adopt)
    throw new ResumeError(target, 'its base is not the folder it was filled from', '--adopt');
  if (reason !== 'base-replaced' && (deletes === undefined || deletes < would))
    throw new ResumeError(target, `${would} files would be removed`, `--deletes ${would}`);
  await writeResumption(redis, channel, target, { token, deletes: deletes ?? null, adopt });
  return halted;
}

/** Whether a folder, as it was typed, is the base of a record; it need not exist any more. */
export async function isBaseOf(
  { base, real }: Pick<TargetRecord, 'base' | 'real'>,
  given: string,
): Promise<boolean> {
  const absolute = path.resolve(given);
  const resolved = await realpath(given).catch(() => absolute);
  return [absolute, resolved].some((each) => each === base || each === real);
}
