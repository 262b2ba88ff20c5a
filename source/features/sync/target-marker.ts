import { shellWord } from '../../shell-word.ts';

/** What is said where the file of `--target-marker` is not at the target. */
export function missingMarker(target: string, marker: string): string {
  return `${target} holds no file ${marker}: its disk may not be mounted. Nothing is copied or removed until it does`;
}

/** How the file is made where the target is the right one. */
export function markerHint(target: string, marker: string): string {
  const [, host, folder] = /^([^/:]+):(?!:|\/\/)(.*)$/.exec(target) ?? [];
  const make = (at: string): string => `touch ${shellWord(`${at.replace(/\/$/, '')}/${marker}`)}`;
  if (host !== undefined && folder !== undefined)
    return `Mount its disk; if it is the right folder: \`ssh ${shellWord(host)} ${shellWord(make(folder))}\``;
  if (/^[^/]*:/.test(target))
    return `Mount its disk; if it is the right folder, make an empty file ${marker} there`;
  return `Mount its disk; if it is the right folder: \`${make(target)}\``;
}
