import type { AnyCommand } from '../../commands/run-command.ts';
import { UsageError } from '../../errors.ts';
import { defineCommand, flagOr } from '../../features/feature.ts';
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
    summary: 'let this console write to production for a while',
    flags: { for: flagOr('DURATION', 'for how long', waitMs, '10m') },
    writes: false,
    guard: {
      loses: true,
      async look(_, input) {
        const name = nameOf();
        const question = `Unlock ${name}, which is production, for ${formatDuration(input.for)}?`;
        return { question, name, state: '', input };
      },
    },
    async run(_, input) {
      access.unlock(input.for);
      return { text: `${nameOf()} is unlocked for ${formatDuration(input.for)}` };
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
