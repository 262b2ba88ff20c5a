import { counted } from '../../ui/format.ts';
import type { Guard, ReadContext } from '../feature.ts';
import { isBaseOf } from './resume.ts';
import { resumeFlags } from './state.ts';
import { channelStatus, type TargetStatus } from './status.ts';

type Input = { readonly base: string; readonly target: string; readonly channel: string };

export const forgetGuard: Guard<Input> = {
  loses: true,
  async look(context, input) {
    const found = await statusOf(context, input);
    if (!found) return;
    return {
      name: input.target,
      state: found.state === 'live' ? 'served by a process' : 'served by nobody',
      question: `Forget ${input.target} of ${input.base}? ${counted(found.queued, 'change')} queued for it go.`,
      input,
    };
  },
};

export const resumeGuard: Guard<Input & { readonly deletes: number | undefined; readonly adopt: boolean }> = {
  loses: true,
  async look(context, input) {
    const { base, target, deletes, adopt } = input;
    const halted = (await statusOf(context, input))?.halted;
    if (!halted || resumeFlags(halted) === undefined) return;
    const removes = `Remove up to ${counted(deletes ?? 0, 'file')} at ${target}, of ${counted(halted.of, 'file')} there, that are gone from ${base}?`;
    const takes = `Take ${base} as it is now for the folder that ${target} is filled from?`;
    return {
      name: target,
      state: `halted, for ${counted(halted.would, 'file')} would be removed (${halted.token})`,
      question: [...(adopt ? [takes] : []), ...(deletes === undefined ? [] : [removes])].join(' ') || takes,
      input,
    };
  },
};

async function statusOf(
  { redis }: ReadContext,
  { base, target, channel }: Input,
): Promise<TargetStatus | undefined> {
  const found = (await channelStatus(redis, channel)).find((one) => one.target === target);
  return found && (await isBaseOf(found, base)) ? found : undefined;
}
