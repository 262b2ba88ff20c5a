import { constants } from 'node:os';
import process from 'node:process';

/** Everything that may end the console from outside: signals, a terminal that hung up, and our own bugs. */
export type Endings = {
  /** Resolves with the exit code a signal asks for; rejects with an exception nobody caught. */
  readonly ended: Promise<number>;
  /** Back from a suspension, by `fg` or an outside SIGCONT; returns what ends that. */
  onContinued(listener: () => void): () => void;
  release(): void;
};

/**
 * Every signal that would end the process where it stands, with the screen left as it is; but those that tell of a
 * fault in the process itself, after which nothing can be relied on, and those of profilers. By both names where there are
 * two: Ink takes one that nobody else listens to for the end of the program, and which is heard first is left to chance.
 */
const ending = [
  ...['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGABRT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGTERM'],
  ...['SIGSTKFLT', 'SIGXCPU', 'SIGXFSZ', 'SIGVTALRM', 'SIGIO', 'SIGPWR', 'SIGIOT', 'SIGPOLL'],
];

export const exitCodeOf = { SIGHUP: 128 + constants.signals.SIGHUP } as const;

/** @param onRejection called for promises nobody waited for: those do not end a console */
export function watchEndings(onRejection: (reason: unknown) => void): Endings {
  const ended = Promise.withResolvers<number>();
  // Whoever opens the console may fail before it waits for this.
  ended.promise.catch(() => {});
  const listeners = new Set<() => void>();
  const onContinue = (): void => {
    for (const listener of listeners) listener();
  };
  const signals = Object.entries(constants.signals)
    .filter(([signal]) => ending.includes(signal))
    .map(([signal, number]) => [signal as NodeJS.Signals, () => ended.resolve(128 + number)] as const);
  for (const [signal, listener] of signals) process.on(signal, listener);
  process.on('SIGCONT', onContinue);
  process.on('uncaughtException', ended.reject);
  process.on('unhandledRejection', onRejection);
  return {
    ended: ended.promise,
    onContinued(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    release() {
      for (const [signal, listener] of signals) process.off(signal, listener);
      process.off('SIGCONT', onContinue);
      process.off('uncaughtException', ended.reject);
      process.off('unhandledRejection', onRejection);
    },
  };
}
