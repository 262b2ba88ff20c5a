import type { ContextChoice } from '../../config.ts';
import { changeScreen, type Mode, type Store } from '../../store/store.ts';

type ContextsMode = Extract<Mode, { name: 'contexts' }>;

/** The keys in the list of contexts. */
export function makeContextsControl(store: Store, go: (name: string) => void) {
  const setMode = (mode: Mode): void => changeScreen(store, { mode });
  return {
    open(choices: readonly ContextChoice[]): void {
      const choice = Math.max(
        0,
        choices.findIndex(({ isCurrent }) => isCurrent),
      );
      setMode({ name: 'contexts', choices, choice });
    },
    press(key: string, now: ContextsMode): void {
      const step = key === 'up' || key === 'k' ? -1 : key === 'down' || key === 'j' ? 1 : 0;
      if (step !== 0) {
        setMode({ ...now, choice: (now.choice + step + now.choices.length) % now.choices.length });
      } else if (key === 'enter') {
        setMode({ name: 'browse' });
        const chosen = now.choices[now.choice];
        if (chosen) go(chosen.name);
      } else if (key === 'esc' || key === 'q' || key === 'ctrl+c') setMode({ name: 'browse' });
    },
  };
}
