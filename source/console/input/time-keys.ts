import type { GlobalKey } from './keymap.ts';

/** Keys while the console is frozen or replays, where they come before all others. */
export const timeKeys = {
  back: { key: ['left'], help: 'one reading back' },
  on: { key: ['right'], help: 'one reading on' },
  backMinute: { key: ['shift+left'], help: 'a minute back' },
  onMinute: { key: ['shift+right'], help: 'a minute on' },
  previousEvent: { key: ['['], help: 'to where a need began or ended before, or something was noted' },
  nextEvent: { key: [']'], help: 'to where the next need began or ended, or something was noted' },
  oldest: { key: ['home'], help: 'to the oldest reading' },
  newest: { key: ['end'], help: 'to the newest reading' },
} as const satisfies Record<string, GlobalKey>;

/** Of a replay. */
export const replayKeys = {
  pause: { key: ['t', ' '], help: 'pause, go on' },
  faster: { key: ['+'], help: 'faster' },
  slower: { key: ['-'], help: 'slower' },
} as const satisfies Record<string, GlobalKey>;

export type TimeKey = keyof typeof timeKeys;
export type ReplayKey = keyof typeof replayKeys;

export function timeKey(key: string): TimeKey | undefined {
  return nameIn(timeKeys, key);
}

export function replayKey(key: string): ReplayKey | undefined {
  return nameIn(replayKeys, key);
}

function nameIn<Name extends string>(keys: Readonly<Record<Name, GlobalKey>>, key: string): Name | undefined {
  const found = Object.entries<GlobalKey>(keys).find(([, one]) => one.key.includes(key));
  // Its names are the ones it was made with.
  return found?.[0] as Name | undefined;
}
