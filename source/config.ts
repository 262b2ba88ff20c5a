import { existsSync, readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import path from 'node:path';
import * as v from 'valibot';
import { messageOf, UsageError } from './errors.ts';
import { dashed, globalFlags } from './global-flags.ts';
import { parseUrl } from './redis/url.ts';
import { durationMs, switchValue } from './values.ts';

/** Everything that steers a run, decided once at the start and frozen. */
export type Config = {
  /** Without passwords: these may be printed, logged and painted. */
  readonly urls: readonly string[];
  readonly cluster: boolean;
  readonly sentinel: string | undefined;
  readonly embedded: boolean;
  readonly password: string | undefined;
  readonly username: string | undefined;
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

type FlagName = keyof typeof globalFlags;
type Raw = Partial<Record<FlagName | 'password', unknown>>;

const text = v.pipe(v.string('Expected text'), v.nonEmpty('Expected text, got nothing'));

const routers = ['crc32-signed', 'crc32', 'ketama', 'slot'] as const;
const router = v.picklist(routers, `Expected one of ${routers.join(', ')}`);

const schema = v.object({
  url: v.optional(v.pipe(v.array(text), v.minLength(1))),
  cluster: v.optional(switchValue),
  sentinel: v.optional(text),
  embedded: v.optional(switchValue),
  embeddedDirectory: v.optional(text),
  passwordFile: v.optional(text),
  password: v.optional(text),
  router: v.optional(router),
  tlsCa: v.optional(text),
  timeout: v.optional(durationMs),
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
export function readConfig(flags: Raw, env: NodeJS.ProcessEnv): Config {
  const mistakes: string[] = [];
  const warnings: string[] = [];
  const fromEnv = rawFromEnv(env);
  const configFile = String(flags.config ?? fromEnv.config ?? defaultConfigFile(env));
  const isNamed = (flags.config ?? fromEnv.config) !== undefined;
  const fromFile = rawFromFile(configFile, isNamed, mistakes);

  const settings: v.InferOutput<typeof schema> = {};
  const names = [...Object.keys(globalFlags), 'password'] as (FlagName | 'password')[];
  for (const name of names) {
    const [origin, raw] =
      flags[name] !== undefined
        ? [`--${dashed(name)}`, flags[name]]
        : fromEnv[name] !== undefined
          ? [envName(name), fromEnv[name]]
          : [`\`${name}\` in ${configFile}`, fromFile[name]];
    if (raw === undefined) continue;
    const wanted = name === 'url' && !Array.isArray(raw) ? [raw] : raw;
    const result = v.safeParse(schema.entries[name], wanted);
    if (result.success) Object.assign(settings, { [name]: result.output });
    else mistakes.push(`${origin}: ${result.issues[0].message}`);
  }

  const urls: string[] = [];
  let username: string | undefined;
  let password = settings.password;
  if (settings.passwordFile !== undefined) password = readPassword(settings.passwordFile, mistakes);
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
  if (settings.cluster && settings.sentinel !== undefined) {
    mistakes.push('--cluster and --sentinel exclude each other');
  }
  if (settings.embedded && settings.url !== undefined && flags.url !== undefined) {
    mistakes.push('--embedded and --url exclude each other');
  }
  if (mistakes.length > 0) {
    throw new UsageError(mistakes.join('; '), {
      code: 'BAD_CONFIG',
      hint: 'See `quarterdeck --help` for what each setting takes, `quarterdeck config` for where it comes from',
    });
  }

  return Object.freeze({
    urls: Object.freeze(urls),
    cluster: settings.cluster ?? false,
    sentinel: settings.sentinel,
    embedded: settings.embedded ?? false,
    password,
    username,
    tlsCaFile: settings.tlsCa,
    router: settings.router ?? 'crc32-signed',
    json: settings.json ?? false,
    readOnly: settings.readOnly ?? false,
    yes: settings.yes ?? false,
    color: settings.color ?? !env.NO_COLOR,
    debug: settings.debug ?? false,
    timeoutMs: settings.timeout ?? 30_000,
    operator: settings.operator ?? env.USER ?? userInfo().username,
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

function envName(name: string): string {
  return `QUARTERDECK_${dashed(name).replaceAll('-', '_').toUpperCase()}`;
}

function rawFromEnv(env: NodeJS.ProcessEnv): Raw {
  const raw: Raw = {};
  for (const name of [...Object.keys(globalFlags), 'password'] as (FlagName | 'password')[]) {
    const value = env[envName(name)];
    if (value !== undefined && value !== '') raw[name] = name === 'url' ? value.split(/\s+/) : value;
  }
  if (raw.url === undefined && env.REDIS_URL) raw.url = [env.REDIS_URL];
  return raw;
}

function defaultConfigFile(env: NodeJS.ProcessEnv): string {
  return path.join(env.XDG_CONFIG_HOME ?? path.join(homedir(), '.config'), 'quarterdeck', 'config.json');
}

function stateHome(env: NodeJS.ProcessEnv): string {
  return env.XDG_STATE_HOME ?? path.join(homedir(), '.local', 'state');
}

function rawFromFile(file: string, isNamed: boolean, mistakes: string[]): Raw {
  if (!existsSync(file)) {
    if (isNamed) mistakes.push(`The config file ${file} does not exist`);
    return {};
  }
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const result = v.safeParse(v.record(v.string(), v.unknown()), parsed);
    if (!result.success || Array.isArray(parsed)) {
      mistakes.push(`The config file ${file} does not hold a JSON object`);
      return {};
    }
    for (const name of Object.keys(result.output)) {
      if (!(name in globalFlags)) mistakes.push(`The config file ${file} has an unknown setting \`${name}\``);
    }
    return result.output;
  } catch (error) {
    mistakes.push(`The config file ${file} cannot be read: ${messageOf(error)}`);
    return {};
  }
}

function readPassword(file: string, mistakes: string[]): string | undefined {
  try {
    const line = readFileSync(file, 'utf8').split('\n', 1)[0];
    if (line) return line;
    mistakes.push(`The password file ${file} is empty`);
  } catch (error) {
    mistakes.push(`The password file cannot be read: ${messageOf(error)}`);
  }
}
