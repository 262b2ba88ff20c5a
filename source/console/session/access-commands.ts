import * as v from 'valibot';
import type { AnyCommand } from '../../commands/run-command.ts';
import { messageOf, UsageError } from '../../errors.ts';
import { defineCommand, flagOr, list } from '../../features/feature.ts';
import { formatDuration } from '../../ui/format.ts';
import { waitMs } from '../../values.ts';
import type { Access } from '../access.ts';

/** `:unlock` and `:relock`, for contexts that begin locked. */
export function accessCommands(access: Access): Readonly<Record<string, AnyCommand>> {
  const nameOf = (): string => {
    if (access.name !== undefined) return access.name;
    throw new UsageError('Nothing here is locked', {
      hint: 'Only a context marked as production begins locked; `--read-only` stays as it is',
    });
  };
  const unlock = defineCommand({
    verb: 'unlock',
    summary:
      'let this console write to production for a while; the reason goes into the audit trail and the room',
    words: { reason: list('REASON', 'why, such as `disk of db3 is full`', v.string()) },
    flags: { for: flagOr('DURATION', 'for how long', waitMs, '10m') },
    writes: false,
    guard: {
      loses: true,
      async look(_, input) {
        const name = nameOf();
        const why =
          input.reason.length > 0
            ? `The reason: ${input.reason.join(' ')}.`
            : 'Noted without a reason: words behind `unlock` give one.';
        const question = `Unlock ${name}, which is production, for ${formatDuration(input.for)}? ${why}`;
        return { question, name, state: '', input };
      },
    },
    async run(context, input) {
      access.unlock(input.for);
      const text = `${nameOf()} is unlocked for ${formatDuration(input.for)}`;
      const why = input.reason.length > 0 ? input.reason.join(' ') : 'no reason given';
      const { room, operator } = context.config;
      if (room !== undefined) {
        try {
          const { sayInRoom } = await import('../../commands/needs/needs-command.ts');
          await sayInRoom(
            context,
            `* ${operator} unlocked ${nameOf()} for ${formatDuration(input.for)}: ${why}`,
          );
        } catch (error) {
          return { text: `${text}; it was not posted in ${room}: ${messageOf(error)}` };
        }
      }
      return { text };
    },
  });
  const relock = defineCommand({
    verb: 'relock',
    summary: 'lock production again',
    writes: false,
    async run() {
      const name = nameOf();
      access.lock();
      return { text: `${name} is locked` };
    },
  });
  return { unlock, relock };
}
