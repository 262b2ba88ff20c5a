import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import {
  defaultConfigFile,
  envName,
  type RawSettings,
  rawFromEnv,
  rawFromFile,
  readPassword,
  type SettingName,
  settingNames,
  userName,
} from './config-sources.ts';
import { messageOf, UsageError } from './errors.ts';
import { dashed } from './global-flags.ts';
import { stateHome } from './own-folders.ts';
import { parseUrl } from './url.ts';
import { switchValue, waitMs } from './values.ts';

/** Everything that steers a run, decided once at the start and frozen. */
export type Config = {
  /** Without passwords: these may be printed, logged and painted. */
  readonly urls: readonly string[];
  readonly cluster: boolean;
  readonly sentinel: string | undefined;
  readonly embedded: boolean;
  readonly password: string | undefined;
  readonly username: string | undefined;
  /** What the sentinels themselves ask for. */
  readonly sentinelPassword: string | undefined;
  readonly tlsCaFile: string | undefined;
  /** How keys spread over several servers. */
  readonly router: (typeof routers)[number];
  readonly json: boolean;
  readonly readOnly: boolean;
  readonly yes: boolean;
  readonly color: boolean;
  readonly debug: boolean;
  /** How long a lost or unreachable Redis is waited for in scripted mode. */
  readonly timeoutMs: number;
  /** Who the operator is in chat rooms and locks. */
  readonly operator: string;
  readonly embeddedDirectory: string;
  readonly configFile: string | undefined;
  /** Said once on stderr, such as a password found in a URL. */
  readonly warnings: readonly string[];
};

const text = v.pipe(v.string('Expected text'), v.nonEmpty('Expected text, got nothing'));

export const routers = ['crc32-signed', 'crc32', 'ketama', 'slot'] as const;
const router = v.picklist(routers, `Expected one of ${routers.join(', ')}`);

const schema = v.object({
  url: v.optional(v.pipe(v.array(text), v.minLength(1))),
  cluster: v.optional(switchValue),
  sentinel: v.optional(text),
  embedded: v.optional(switchValue),
  embeddedDirectory: v.optional(text),
  passwordFile: v.optional(text),
  sentinelPasswordFile: v.optional(text),
  password: v.optional(text),
  router: v.optional(router),
  tlsCa: v.optional(text),
  timeout: v.optional(waitMs),
  operator: v.optional(text),
  json: v.optional(switchValue),
  readOnly: v.optional(switchValue),
  yes: v.optional(switchValue),
  color: v.optional(switchValue),
  config: v.optional(text),
  debug: v.optional(switchValue),
});

/**
 * Flag, then environment, then config file, then default. Every mistake is reported together.
 * @throws {UsageError} naming each bad value and where it came from
 */
export function readConfig(flags: RawSettings, env: NodeJS.ProcessEnv): Config {
  const mistakes: string[] = [];
  const warnings: string[] = [];
  const fromEnv = rawFromEnv(env);
  const configFile = String(flags.config ?? fromEnv.config ?? defaultConfigFile(env));
  const isNamed = (flags.config ?? fromEnv.config) !== undefined;
  // The nearest first.
  const sources: readonly Source[] = [
    { raw: flags, label: (name) => `--${dashed(name)}` },
    { raw: fromEnv, label: envName },
    { raw: rawFromFile(configFile, isNamed, mistakes), label: (name) => `\`${name}\` in ${configFile}` },
  ];
  const distance = (name: SettingName): number => sources.findIndex(({ raw }) => raw[name] !== undefined);

  const settings: v.InferOutput<typeof schema> = {};
  for (const name of settingNames) {
    const source = sources[distance(name)];
    if (!source) continue;
    const raw = source.raw[name];
    const wanted = name === 'url' && !Array.isArray(raw) ? [raw] : raw;
    const result = v.safeParse(schema.entries[name], wanted);
    if (result.success) Object.assign(settings, { [name]: result.output });
    else mistakes.push(`${source.label(name)}: ${result.issues[0].message}`);
  }

  const urls: string[] = [];
  let username: string | undefined;
  let { password } = settings;
  const isFileNearer = password === undefined || distance('passwordFile') <= distance('password');
  if (settings.passwordFile !== undefined && isFileNearer) {
    password = readPassword(settings.passwordFile, mistakes);
  }
  const sentinelPassword =
    settings.sentinelPasswordFile === undefined
      ? undefined
      : readPassword(settings.sentinelPasswordFile, mistakes);
  for (const raw of settings.url ?? ['redis://127.0.0.1:6379']) {
    const parsed = parseUrl(raw);
    if (typeof parsed === 'string') {
      mistakes.push(parsed);
      continue;
    }
    if (parsed.password !== undefined) {
      warnings.push(
        `A password in a URL is visible in the process list; use QUARTERDECK_PASSWORD or --password-file`,
      );
      password ??= parsed.password;
    }
    username ??= parsed.username;
    urls.push(parsed.url);
  }
  if (settings.tlsCa !== undefined) checkReadable('--tls-ca', settings.tlsCa, mistakes);
  if (settings.cluster && settings.sentinel !== undefined) {
    mistakes.push('--cluster and --sentinel exclude each other');
  }
  if (settings.embedded && settings.url !== undefined && flags.url !== undefined) {
    mistakes.push('--embedded and --url exclude each other');
  }
  if (mistakes.length > 0) {
    throw new UsageError(mistakes.join('; '), {
      code: 'BAD_CONFIG',
      hint: 'See `quarterdeck --help` for what each setting takes',
    });
  }

  return Object.freeze({
    urls: Object.freeze(urls),
    cluster: settings.cluster ?? false,
    sentinel: settings.sentinel,
    embedded: settings.embedded ?? false,
    password,
    username,
    sentinelPassword,
    tlsCaFile: settings.tlsCa,
    router: settings.router ?? 'crc32-signed',
    json: settings.json ?? false,
    readOnly: settings.readOnly ?? false,
    yes: settings.yes ?? false,
    color: settings.color ?? !env.NO_COLOR,
    debug: settings.debug ?? false,
    timeoutMs: settings.timeout ?? 30_000,
    operator: settings.operator ?? userName(env),
    embeddedDirectory: settings.embeddedDirectory ?? path.join(stateHome(env), 'quarterdeck', 'embedded'),
    configFile: existsSync(configFile) ? configFile : undefined,
    warnings: Object.freeze([...new Set(warnings)]),
  });
}

/**
 * Takes what is secret out of the environment, once it was read: commands we run for somebody, such as the one of
 * `lock run`, inherit the rest of it. `REDIS_URL` stays, which is as much theirs as ours.
 */
export function hideSecrets(env: NodeJS.ProcessEnv): void {
  delete env[envName('password')];
  const urls = env[envName('url')];
  if (urls !== undefined) env[envName('url')] = urls.replaceAll(/(\w:\/\/[^/\s:@]*):[^/\s@]*@/g, '$1@');
}

type Source = { readonly raw: RawSettings; label(name: string): string };

/** A file that is read only when a connection is made: told now, with all the other mistakes. */
function checkReadable(label: string, file: string, mistakes: string[]): void {
  try {
    readFileSync(file);
  } catch (error) {
    mistakes.push(`${label}: ${file} cannot be read: ${messageOf(error)}`);
  }
}
