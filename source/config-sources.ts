import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { messageOf } from './errors.ts';
import { fileSettingNames, isFileSetting } from './file-settings.ts';
import { dashed, globalFlags, isGlobalFlag } from './global-flags.ts';
import { nearest } from './nearest.ts';
import { configHome } from './own-folders.ts';
import { writtenByOthers } from './private-files.ts';

/** Where settings come from beside the flags: the environment, and files. Nothing is checked but that it can be read. */
export type SettingName = keyof typeof globalFlags | 'password';
export type RawSettings = Partial<Record<SettingName, unknown>>;

export const settingNames = [...Object.keys(globalFlags), 'password'] as readonly SettingName[];

export function envName(name: string): string {
  return `QUARTERDECK_${dashed(name).replaceAll('-', '_').toUpperCase()}`;
}

/**
 * Variables that begin like ours and are no settings: what a command of `ship consume --exec` gets, and what
 * Kubernetes sets for a service of our name.
 */
const otherVariables =
  /^QUARTERDECK_(FILE|PART|OFFSET|BYTES|LAST|NO_COLOR|PORT(_\d+_.*)?|SERVICE_(HOST|PORT.*))$/;

/** Pushes onto `mistakes` each variable that begins like ours and is none: a setting that was meant does not hold. */
export function checkVariables(env: NodeJS.ProcessEnv, mistakes: string[]): void {
  const known = settingNames.map(envName);
  for (const name of Object.keys(env)) {
    if (!name.startsWith('QUARTERDECK_') || known.includes(name) || otherVariables.test(name)) continue;
    const meant = nearest(name, known);
    const guess = meant === undefined ? '' : ` (did you mean ${meant}?)`;
    mistakes.push(`There is no setting of the environment ${name}${guess}`);
  }
}

/** A variable that is empty or blank is not set. */
export function rawFromEnv(env: NodeJS.ProcessEnv): RawSettings {
  const raw: RawSettings = {};
  for (const name of settingNames) {
    const value = env[envName(name)];
    if (value?.trim()) raw[name] = name === 'url' ? value.trim().split(/\s+/) : value;
  }
  if (raw.url === undefined && env.REDIS_URL?.trim()) raw.url = [env.REDIS_URL.trim()];
  // The flag is spelled `--no-color`.
  const noColor = env[envName('noColor')];
  if (raw.color === undefined && noColor?.trim()) raw.color = /^(0|false|no|off)$/.test(noColor);
  return raw;
}

/** What the config file sets; pushes onto `mistakes` what is wrong with it. Only one that was named has to exist. */
export function rawFromFile(file: string, isNamed: boolean, mistakes: string[]): RawSettings {
  if (!existsSync(file)) {
    if (isNamed) mistakes.push(`The config file ${file} does not exist`);
    return {};
  }
  // It may name programs to run: one that nobody asked for by name has to be this user's.
  const stranger = isNamed ? undefined : writtenByOthers(file);
  if (stranger !== undefined) {
    mistakes.push(`The config file ${file} is not read: ${stranger}; --config ${file} reads it all the same`);
    return {};
  }
  const parsed = parsedFile(file, mistakes);
  for (const name of Object.keys(parsed)) {
    if (isGlobalFlag(name) || isFileSetting(name)) continue;
    const meant = nearest(name, [...Object.keys(globalFlags), ...fileSettingNames]);
    const guess = meant === undefined ? '' : ` (did you mean \`${meant}\`?)`;
    mistakes.push(`The config file ${file} has an unknown setting \`${name}\`${guess}`);
  }
  return parsed;
}

function parsedFile(file: string, mistakes: string[]): object {
  let text: string;
  try {
    // Editors of Windows begin a file with a byte order mark.
    text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    mistakes.push(`The config file ${file} cannot be read: ${messageOf(error)}`);
    return {};
  }
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
    mistakes.push(`The config file ${file} does not hold a JSON object`);
  } catch (error) {
    // What the parser quotes of the file may be a password.
    const reason = messageOf(error).replace(/, ".*" is not valid JSON$/s, '');
    mistakes.push(`The config file ${file} is no JSON: ${reason}`);
  }
  return {};
}

export function defaultConfigFile(env: NodeJS.ProcessEnv): string {
  return path.join(configHome(env), 'quarterdeck', 'config.json');
}

/** Containers run as users that the machine knows nothing of: those have only a number for a name. */
export function userName(env: NodeJS.ProcessEnv): string {
  const named = env.USER || env.LOGNAME;
  if (named) return named;
  try {
    return userInfo().username;
  } catch {
    return `user-${process.getuid?.() ?? 'unknown'}`;
  }
}
