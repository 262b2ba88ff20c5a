import type { GlobalKey } from './keymap.ts';

/** Keys that run a command of the console, the same in every pane; no feature may use them. */
export const sessionKeys = {
  copy: { key: ['y'], help: 'copy: the name of the chosen row', line: 'copy name' },
  copyMenu: { key: ['Y'], help: 'copy: choose what', line: 'copy ', isBegun: true },
  share: { key: ['S'], help: 'share: this frame into a room', line: 'share ', isBegun: true },
  times: { key: ['T'], help: 'times: local, UTC, ages', line: 'times' },
  save: { key: ['ctrl+s'], help: 'save: the frame to a file', line: 'save text' },
} as const satisfies Record<string, GlobalKey & SessionKey>;

type SessionKey = {
  /** What is run, as typed behind `:`. */
  readonly line: string;
  /** The line is only begun: more has to be said. */
  readonly isBegun?: boolean;
};

const byKey = new Map<string, SessionKey>(
  Object.values(sessionKeys).flatMap(({ key, ...rest }) => key.map((one) => [one, rest] as const)),
);

export function sessionKey(key: string): SessionKey | undefined {
  return byKey.get(key);
}
