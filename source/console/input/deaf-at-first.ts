import type { Keyboard } from './keyboard.ts';

/** Sooner nobody has seen that the server is another one. */
const deafMs = 400;

/** What was typed while another server was still on the screen was not meant for this one: it is left out, and reported. */
export function deafAtFirst(
  keyboard: Keyboard,
  say: (text: string) => void,
  clock = () => performance.now(),
): Keyboard {
  const untilMs = clock() + deafMs;
  const isDeaf = (): boolean => {
    if (clock() >= untilMs) return false;
    say('Typed before this server was on the screen: left out');
    return true;
  };
  return {
    ...keyboard,
    press(keys) {
      if (!isDeaf()) keyboard.press(keys);
    },
    paste(text) {
      if (!isDeaf()) keyboard.paste(text);
    },
  };
}
