import type { Store } from '../../store/store.ts';
import type { Terminal } from './terminal.ts';

const on = '\u001B[?1007h';
const off = '\u001B[?1007l';

/**
 * Alternate scroll: the terminal turns the wheel into arrow keys, and selecting with the mouse stays its own. Not while
 * a line is typed, whose history the wheel would leaf through.
 * @returns what ends that
 */
export function letWheel(store: Store, terminal: Pick<Terminal, 'send'>): () => void {
  let isOn: boolean | undefined;
  const judge = (): void => {
    const { name } = store.getState().screen.mode;
    const wanted = name === 'browse' || name === 'help' || name === 'output';
    if (wanted === isOn) return;
    isOn = wanted;
    terminal.send(wanted ? on : off, off);
  };
  judge();
  return store.subscribe(judge);
}
