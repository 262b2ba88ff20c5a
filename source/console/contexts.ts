import { type Config, type ContextChoice, contextChoices, readConfig, withoutPlace } from '../config.ts';
import { UsageError } from '../errors.ts';

/** The named connections of the config file, and how to go to one of them from a console that is open. */
export type Contexts = {
  /** As the file is now. */
  choices(current: string | undefined): readonly ContextChoice[];
  /**
   * The settings with that context, or as the console was started (undefined). Where a server is and how it is entered comes
   * from the context alone: a URL, user or password of the command line or the environment is of another server.
   * @throws {UsageError} when there is no such context, or its settings are wrong
   */
  settings(name: string | undefined): Config;
};

/** What a console that is open may go to. */
export type Elsewhere = {
  choices(): readonly ContextChoice[];
  /**
   * The settings with that context; `-` is the one before, which may be what the console was started with.
   * @throws {UsageError} when there is none such, or its settings are wrong
   */
  settings(name: string): Config;
};

/** A session ended because another server is wanted. */
export type Leaving = { readonly for: Config };

/** Remembers where the console was, as it goes from one context to another. */
export function makeJourney(contexts: Contexts, start: Config) {
  let current = start;
  let before: { readonly name: string | undefined } | undefined;
  return {
    elsewhere: {
      choices: () => contexts.choices(current.context?.name),
      settings(name: string): Config {
        if (name !== '-') return contexts.settings(name);
        if (before) return contexts.settings(before.name);
        throw new UsageError('This console was on no other context before', {
          hint: '`:ctx` lists those of the config file',
        });
      },
    } satisfies Elsewhere,
    moved(to: Config): void {
      before = { name: current.context?.name };
      current = to;
    },
  };
}

/** @param env as it was before what is secret was taken out of it */
export function makeContexts(flags: Record<string, unknown>, env: NodeJS.ProcessEnv): Contexts {
  return {
    choices: (current) =>
      contextChoices(flags, env).map((choice) => ({ ...choice, isCurrent: choice.name === current })),
    settings(name) {
      if (name === undefined) return readConfig(flags, env);
      const { flags: own, env: rest } = withoutPlace(flags, env);
      return readConfig({ ...own, context: name }, rest);
    },
  };
}
