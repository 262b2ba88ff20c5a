import type { Config } from '../config.ts';
import { changeScreen, type Store } from '../store/store.ts';

/**
 * Whether this console may write. A context marked as production begins locked; who unlocks it types its name, and it
 * locks itself again. `--read-only` cannot be unlocked.
 */
export type Access = {
  /** The settings as they are now: `readOnly` follows the lock. */
  readonly config: Config;
  /** Undefined: there is nothing to unlock. */
  readonly name: string | undefined;
  unlock(forMs: number): void;
  lock(): void;
};

export function makeAccess(config: Config, store: Store): Access {
  const { context, startsLocked } = config;
  let isLocked = startsLocked;
  let timer: NodeJS.Timeout | undefined;
  const isReadOnly = (): boolean => config.readOnly || isLocked;
  const show = (): void => changeScreen(store, { isReadOnly: isReadOnly() });
  const lock = (): void => {
    clearTimeout(timer);
    isLocked = startsLocked;
    show();
  };
  show();
  return {
    config: Object.defineProperty({ ...config }, 'readOnly', { enumerable: true, get: isReadOnly }),
    name: startsLocked ? context?.name : undefined,
    unlock(forMs) {
      clearTimeout(timer);
      isLocked = false;
      show();
      timer = setTimeout(() => {
        lock();
        changeScreen(store, { status: { text: `${context?.name ?? ''} is locked again`, tone: 'info' } });
      }, forMs).unref();
    },
    lock,
  };
}
