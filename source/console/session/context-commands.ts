import * as v from 'valibot';
import type { AnyCommand } from '../../commands/run-command.ts';
import type { Config, ContextChoice } from '../../config.ts';
import { UsageError } from '../../errors.ts';
import { defineCommand, optionalWord } from '../../features/feature.ts';

export type ContextOptions = {
  readonly config: Config;
  /** Undefined: this console is of one server only, as a replay is. */
  readonly choices: (() => readonly ContextChoice[]) | undefined;
  /** Shows the list of them. */
  readonly open: (choices: readonly ContextChoice[]) => void;
  /**
   * Ends this session for one there; `-` is the context before.
   * @throws {UsageError} when there is none such; then nothing has changed
   */
  readonly go: (name: string) => void;
  /** Whether something that was begun here still runs. */
  readonly isBusy: () => boolean;
};

/** `:ctx`: the named connections of the config, and on to another one. */
export function contextCommands(options: ContextOptions): Readonly<Record<string, AnyCommand>> {
  const { config, choices, open, go, isBusy } = options;
  const ctx = defineCommand({
    verb: 'ctx',
    summary: 'connect this console to another context of the config; without a name: the list of them',
    words: { name: optionalWord('NAME', 'the context, or - for the one before', v.string()) },
    writes: false,
    offline: true,
    async run(_, { name }) {
      if (!choices) throw new UsageError('There is no server behind this console');
      const known = choices();
      if (known.length === 0) {
        throw new UsageError('The config file names no contexts', {
          hint: 'Such as {"contexts": {"stage": {"url": ["redis://stage:6379"]}}}; see docs/console.md',
        });
      }
      if (name === undefined) {
        open(known);
        return { text: '' };
      }
      if (config.record !== undefined) {
        throw new UsageError(
          `This console records into ${config.record}, and one recording is of one server`,
          {
            hint: 'Leave it, and open another one',
          },
        );
      }
      if (isBusy()) {
        throw new UsageError('Something that was begun here still runs', {
          hint: 'Wait for it, or stop it with Esc',
        });
      }
      if (name === config.context?.name) return { text: `This is ${name} already` };
      go(name);
      return { text: `Leaving for ${name === '-' ? 'the context before' : name}` };
    },
  });
  return { ctx };
}
