import process from 'node:process';

/** Everything that may end the console from outside: signals, a terminal that hung up, and our own bugs. */
export type Endings = {
  /** Resolves with the exit code a signal asks for; rejects with an exception nobody caught. */
  readonly ended: Promise<number>;
  /** Back from a suspension, by `fg` or an outside SIGCONT. */
  onContinued(listener: () => void): void;
  release(): void;
};

export const exitCodeOf = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** @param onRejection told of promises nobody waited for: those do not end a console */
export function watchEndings(onRejection: (reason: unknown) => void): Endings {
  const ended = Promise.withResolvers<number>();
  // Whoever opens the console may fail before it waits for this.
  ended.promise.catch(() => {});
  const listeners = new Set<() => void>();
  const onContinue = (): void => {
    for (const listener of listeners) listener();
  };
  const signals = Object.entries(exitCodeOf).map(
    ([signal, exitCode]) => [signal as keyof typeof exitCodeOf, () => ended.resolve(exitCode)] as const,
  );
  for (const [signal, listener] of signals) process.on(signal, listener);
  process.on('SIGCONT', onContinue);
  process.on('uncaughtException', ended.reject);
  process.on('unhandledRejection', onRejection);
  return {
    ended: ended.promise,
    onContinued: (listener) => listeners.add(listener),
    release() {
      for (const [signal, listener] of signals) process.off(signal, listener);
      process.off('SIGCONT', onContinue);
      process.off('uncaughtException', ended.reject);
      process.off('unhandledRejection', onRejection);
    },
  };
}
