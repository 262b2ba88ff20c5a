import type { Parameter } from '../features/feature.ts';
import { dashed, type GlobalFlag, globalFlags, spelled } from '../global-flags.ts';
import type { AnyCommand } from './run-command.ts';

/** What help and the man page tell alike. */
export type Row = readonly [name: string, meaning: string];

export const purpose = 'the terminal operations console for everything a team coordinates through Redis';

export const exitCodeRows: readonly Row[] = [
  ['0', 'done; the answer is yes'],
  ['1', 'done; the answer is no'],
  ['2', 'usage: unknown command or flag, bad value, no terminal'],
  ['3', 'Redis unreachable, refused, or lost past --timeout'],
  ['4', 'data refused or unreadable'],
  ['5', 'another program failed'],
  ['70', 'a bug of ours'],
  ['129/130/143', 'ended by SIGHUP/SIGINT/SIGTERM'],
];

export function globalRows(): Row[] {
  return Object.entries<GlobalFlag>(globalFlags).map(([name, { value, summary }]) => [
    `--${spelled(name)}${value === undefined ? '' : ` ${value}`}`,
    summary,
  ]);
}

export function wordRows({ words }: AnyCommand): Row[] {
  return Object.values(words).map(({ label, summary }): Row => [label, summary]);
}

export function flagRows({ flags }: AnyCommand): Row[] {
  return Object.entries(flags).map(
    ([name, parameter]): Row => [flagName(name, parameter), parameter.summary],
  );
}

function flagName(name: string, { label, short }: Parameter<unknown>): string {
  const long = `--${dashed(name)}${label ? ` ${label}` : ''}`;
  return short === undefined ? long : `-${short}, ${long}`;
}
