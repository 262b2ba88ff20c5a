import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import {
  checkVariables,
  defaultConfigFile,
  envName,
  type RawSettings,
  rawFromEnv,
  rawFromFile,
  type SettingName,
  settingNames,
  userName,
} from './config-sources.ts';
import { messageOf, UsageError } from './errors.ts';
import { type FileSettings, readFileSettings } from './file-settings.ts';
import { dashed } from './global-flags.ts';
import { didYouMean } from './nearest.ts';
import { configHome, stateHome } from './own-folders.ts';
import { checkCertificates, checkKey, passwordFrom, passwordIn, readableByOthers } from './private-files.ts';
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
  /** Where the password came from, if it is to be read again at each reconnect. */
  readonly passwordFile: string | undefined;
  readonly passwordCommand: string | undefined;
  readonly username: string | undefined;
  /** What the sentinels themselves ask for. */
  readonly sentinelPassword: string | undefined;
  readonly tlsCaFile: string | undefined;
  readonly tlsCertFile: string | undefined;
  readonly tlsKeyFile: string | undefined;
  /** The name that the server's certificate is for, where it is not the host of the URL. */
  readonly tlsServername: string | undefined;
  /** How keys spread over several servers. */
  readonly router: (typeof routers)[number];
  readonly json: boolean;
  readonly readOnly: boolean;
  readonly yes: boolean;
  /** `auto`: where it goes to a terminal. */
  readonly color: 'auto' | 'always' | 'never';
  /** `terminal`, `auto`, `dark`, `light` or a theme of the user, for each background. */
  readonly theme: ThemeNames;
  readonly glyphs: (typeof glyphNames)[number];
  /** The named connection in use. */
  readonly context: { readonly name: string; readonly production: boolean } | undefined;
  /** The console begins read-only and can be unlocked: the context is production, and nobody said otherwise. */
  readonly startsLocked: boolean;
  /** The view that the console opens with. */
  readonly view: string | undefined;
  /** The panes that it opens with instead, by their nouns. */
  readonly panes: readonly string[] | undefined;
  /** The console says in sentences what changes, and paints nothing. */
  readonly screenReader: boolean;
  /** Where it writes what it does. */
  readonly log: string | undefined;
  /** The console writes what it learns into this new file. */
  readonly record: string | undefined;
  readonly debug: boolean;
  /** What the environment tells of the terminal. */
  readonly terminal: TerminalFacts;
  /** What the console remembers and saves goes there, and may be deleted. */
  readonly stateDirectory: string;
  /** Themes of the user are looked for below it. */
  readonly configDirectory: string;
  /** How long a lost or unreachable Redis is waited for in scripted mode. */
  readonly timeoutMs: number;
  /** Who the operator is in chat rooms and locks. */
  readonly operator: string;
  readonly embeddedDirectory: string;
  readonly configFile: string | undefined;
  /** Where each setting here comes from, by its name here: `--url`, `REDIS_URL`, `config file`, `default`. */
  readonly sources: Readonly<Record<string, string>>;
  /** Said once on stderr, such as a password found in a URL. */
  readonly warnings: readonly string[];
} & Omit<FileSettings, 'contexts'>;

const terminalVariables = ['TERM', 'COLORTERM', 'COLORFGBG', 'TMUX', 'LC_ALL', 'LC_CTYPE', 'LANG'] as const;
/** Those that are set and not empty. */
export type TerminalFacts = Readonly<Partial<Record<(typeof terminalVariables)[number], string>>>;

const text = v.pipe(v.string('Expected text'), v.nonEmpty('Expected text, got nothing'));

export const routers = ['crc32-signed', 'crc32', 'ketama', 'slot'] as const;
const router = v.picklist(routers, `Expected one of ${routers.join(', ')}`);

export const glyphNames = ['auto', 'unicode', 'blocks', 'ascii'] as const;
const glyphs = v.picklist(glyphNames, `Expected one of ${glyphNames.join(', ')}`);

/** The theme for each background; the fallback is for one that is not known. */
export type ThemeNames = { readonly dark: string; readonly light: string; readonly fallback: string };

const themeName = v.pipe(
  v.string('Expected the name of a theme'),
  v.regex(/^[\w-][\w.-]*$/, 'Expected the name of a theme, such as terminal, auto, dark or light'),
);
const theme = v.union(
  [
    v.pipe(
      themeName,
      v.transform((name): ThemeNames => {
        if (name === 'auto') return { dark: 'dark', light: 'light', fallback: 'terminal' };
        return { dark: name, light: name, fallback: name };
      }),
    ),
    v.pipe(
      v.strictObject({ dark: themeName, light: themeName, fallback: v.optional(themeName) }),
      v.transform(({ fallback = 'terminal', ...names }): ThemeNames => ({ ...names, fallback })),
    ),
  ],
  'Expected the name of a theme, such as terminal, auto, dark or light; or {"dark", "light", "fallback"}',
);

const paneNames = v.pipe(
  v.string('Expected names of panes such as lock,topic'),
  v.regex(/^\w+(,\w+)*$/, 'Expected names of panes such as lock,topic'),
  v.transform((names) => names.split(',')),
);

const schema = v.object({
  url: v.optional(v.pipe(v.array(text), v.minLength(1))),
  cluster: v.optional(switchValue),
  sentinel: v.optional(text),
  embedded: v.optional(switchValue),
  embeddedDirectory: v.optional(text),
  user: v.optional(text),
  passwordFile: v.optional(text),
  passwordCommand: v.optional(text),
  sentinelPasswordFile: v.optional(text),
  password: v.optional(text),
  router: v.optional(router),
  tlsCa: v.optional(text),
  tlsCert: v.optional(text),
  tlsKey: v.optional(text),
  tlsServername: v.optional(text),
  timeout: v.optional(waitMs),
  operator: v.optional(text),
  json: v.optional(switchValue),
  readOnly: v.optional(switchValue),
  yes: v.optional(switchValue),
  color: v.optional(switchValue),
  theme: v.optional(theme),
  glyphs: v.optional(glyphs),
  context: v.optional(text),
  view: v.optional(text),
  panes: v.optional(paneNames),
  screenReader: v.optional(switchValue),
  log: v.optional(text),
  record: v.optional(text),
  config: v.optional(text),
  debug: v.optional(switchValue),
});

/**
 * Flag, then environment, then config file, then default. Every mistake is reported together.
 * @param runsCommands whether the password is asked of the command that prints it
 * @throws {UsageError} naming each bad value and where it came from
 */
export function readConfig(
  flags: RawSettings,
  env: NodeJS.ProcessEnv,
  { runsCommands = true }: { readonly runsCommands?: boolean } = {},
): Config {
  const mistakes: string[] = [];
  const warnings: string[] = [];
  checkVariables(env, mistakes);
  const fromEnv = rawFromEnv(env);
  const configFile = String(flags.config ?? fromEnv.config ?? defaultConfigFile(env));
  const isNamed = (flags.config ?? fromEnv.config) !== undefined;
  const fromFile = rawFromFile(configFile, isNamed, mistakes);
  // Of the contexts only the one in use is kept: their URLs may hold passwords.
  const { contexts, ...ofFile } = readFileSettings(fromFile, configFile, mistakes);
  const context = chosenContext([flags, fromEnv, fromFile], contexts, configFile, mistakes);
  // The nearest first.
  const given: readonly Source[] = [
    { raw: flags, from: (name) => `--${dashed(name)}` },
    { raw: fromEnv, from: (name) => variableOf(name, env) },
    {
      raw: fromFile,
      label: (name) => `\`${name}\` in ${configFile}`,
      from: () => 'config file',
    },
  ];
  // A context is as near as what chose it, and nearer than anything behind that.
  const sources = given.flatMap((source, place): readonly Source[] =>
    context?.place === place
      ? [
          source,
          {
            raw: context.raw,
            label: (name) => `\`${name}\` of the context ${context.name}`,
            from: () => `context ${context.name}`,
          },
        ]
      : [source],
  );
  const distance = (name: SettingName): number => sources.findIndex(({ raw }) => raw[name] !== undefined);

  const settings: Settings = {};
  for (const name of settingNames) {
    const source = sources[distance(name)];
    if (!source) continue;
    const raw = source.raw[name];
    const wanted = name === 'url' && !Array.isArray(raw) ? [raw] : raw;
    const result = v.safeParse(schema.entries[name], wanted);
    if (result.success) Object.assign(settings, { [name]: result.output });
    else mistakes.push(`${(source.label ?? source.from)(name)}: ${result.issues[0].message}`);
  }

  const urls: string[] = [];
  let username = settings.user;
  // The nearest of those that were given counts; of equally near ones the first here.
  const [source] = (['passwordCommand', 'passwordFile', 'password'] as const)
    .filter((name) => settings[name] !== undefined)
    .sort((a, b) => distance(a) - distance(b));
  const attempt = (read: () => string): string | undefined => attempted(read, mistakes);
  let password = source === 'password' ? settings.password : undefined;
  const { passwordFile, passwordCommand, sentinelPasswordFile } = settings;
  if (source === 'passwordFile' && passwordFile !== undefined)
    password = attempt(() => passwordIn(passwordFile));
  if (source === 'passwordCommand' && passwordCommand !== undefined && runsCommands)
    password = attempt(() => passwordFrom(passwordCommand));
  const sentinelPassword =
    sentinelPasswordFile === undefined ? undefined : attempt(() => passwordIn(sentinelPasswordFile));
  for (const file of [source === 'passwordFile' ? passwordFile : undefined, sentinelPasswordFile]) {
    const open = file === undefined ? undefined : readableByOthers(file);
    if (open !== undefined) warnings.push(`The password file ${open}`);
  }
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
      if (source === undefined) password ??= parsed.password;
    }
    username ??= parsed.username;
    urls.push(parsed.url);
  }
  checkTls(settings, mistakes);
  if (settings.cluster && settings.sentinel !== undefined) {
    mistakes.push('--cluster and --sentinel exclude each other');
  }
  if (settings.embedded || urls.some((url) => url.startsWith('unix:'))) {
    const socket = settings.embedded ? '--embedded' : 'a unix:// URL';
    if (settings.cluster) mistakes.push(`--cluster and ${socket} exclude each other`);
    if (settings.sentinel !== undefined) mistakes.push(`--sentinel and ${socket} exclude each other`);
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
    passwordFile: source === 'passwordFile' ? passwordFile : undefined,
    passwordCommand: source === 'passwordCommand' ? passwordCommand : undefined,
    username,
    sentinelPassword,
    tlsCaFile: settings.tlsCa,
    tlsCertFile: settings.tlsCert,
    tlsKeyFile: settings.tlsKey,
    tlsServername: settings.tlsServername,
    router: settings.router ?? 'crc32-signed',
    json: settings.json ?? false,
    readOnly: settings.readOnly ?? false,
    screenReader: settings.screenReader ?? isOn(env.ACCESSIBLE),
    yes: settings.yes ?? false,
    color: colorOf(settings.color, (flags.color ?? fromEnv.color) !== undefined, env),
    theme: settings.theme ?? { dark: 'terminal', light: 'terminal', fallback: 'terminal' },
    glyphs: settings.glyphs ?? 'auto',
    debug: settings.debug ?? false,
    context: context && { name: context.name, production: context.production },
    startsLocked: context?.production === true && settings.readOnly === undefined,
    view: settings.view,
    panes: settings.panes,
    log: settings.log,
    record: settings.record,
    terminal: Object.freeze(
      Object.fromEntries(terminalVariables.flatMap((name) => (env[name] ? [[name, env[name]]] : []))),
    ),
    stateDirectory: path.join(stateHome(env), 'quarterdeck'),
    configDirectory: path.join(configHome(env), 'quarterdeck'),
    timeoutMs: settings.timeout ?? 30_000,
    operator: settings.operator ?? userName(env),
    embeddedDirectory: settings.embeddedDirectory ?? path.join(stateHome(env), 'quarterdeck', 'embedded'),
    configFile: existsSync(configFile) ? configFile : undefined,
    sources: Object.freeze({
      ...Object.fromEntries(
        Object.entries(settingOf).map(([field, name]) => [
          field,
          sources[distance(name)]?.from(name) ?? 'default',
        ]),
      ),
      ...Object.fromEntries(
        Object.keys(ofFile).map((name) => [name, Object.hasOwn(fromFile, name) ? 'config file' : 'default']),
      ),
      ...(settings.user === undefined && username !== undefined && { username: 'the URL' }),
      password:
        source === undefined
          ? password === undefined
            ? 'default'
            : 'the URL'
          : (sources[distance(source)]?.from(source) ?? 'default'),
      ...(settings.screenReader === undefined && isOn(env.ACCESSIBLE) && { screenReader: 'ACCESSIBLE' }),
      ...colorSource((flags.color ?? fromEnv.color) !== undefined, settings.color, env),
    }),
    warnings: Object.freeze([...new Set(warnings)]),
    ...ofFile,
  });
}

/** Which setting each of these comes from. */
const settingOf = {
  urls: 'url',
  cluster: 'cluster',
  sentinel: 'sentinel',
  embedded: 'embedded',
  embeddedDirectory: 'embeddedDirectory',
  username: 'user',
  passwordFile: 'passwordFile',
  passwordCommand: 'passwordCommand',
  sentinelPassword: 'sentinelPasswordFile',
  tlsCaFile: 'tlsCa',
  tlsCertFile: 'tlsCert',
  tlsKeyFile: 'tlsKey',
  tlsServername: 'tlsServername',
  router: 'router',
  json: 'json',
  readOnly: 'readOnly',
  yes: 'yes',
  color: 'color',
  theme: 'theme',
  glyphs: 'glyphs',
  context: 'context',
  view: 'view',
  panes: 'panes',
  screenReader: 'screenReader',
  log: 'log',
  record: 'record',
  debug: 'debug',
  timeoutMs: 'timeout',
  operator: 'operator',
  configFile: 'config',
} as const satisfies Partial<Record<keyof Config, SettingName>>;

/** The variable that was read: some settings have more than one. */
function variableOf(name: SettingName, env: NodeJS.ProcessEnv): string {
  const own = envName(name);
  if (env[own]?.trim()) return own;
  return name === 'url' ? 'REDIS_URL' : name === 'color' ? envName('noColor') : own;
}

/** As `colorOf` decides. */
function colorSource(isNear: boolean, set: boolean | undefined, env: NodeJS.ProcessEnv): { color?: string } {
  if (set !== undefined && isNear) return {};
  if (env.NO_COLOR) return { color: 'NO_COLOR' };
  if (env.CLICOLOR_FORCE && env.CLICOLOR_FORCE !== '0') return { color: 'CLICOLOR_FORCE' };
  return env.CLICOLOR === '0' ? { color: 'CLICOLOR' } : {};
}

type Chosen = {
  readonly name: string;
  /** Which of the sources named it. */
  readonly place: number;
  readonly production: boolean;
  readonly raw: RawSettings;
};

/** The context that the nearest source names. */
function chosenContext(
  sources: readonly RawSettings[],
  contexts: FileSettings['contexts'],
  file: string,
  mistakes: string[],
): Chosen | undefined {
  const place = sources.findIndex(({ context }) => context !== undefined);
  const wanted = sources[place]?.context;
  if (wanted === undefined) return;
  const name = String(wanted);
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (!found) {
    const names = Object.keys(contexts);
    const known = names.length === 0 ? 'it has none' : `${didYouMean(name, names)}Known: ${names.join(', ')}`;
    mistakes.push(`There is no context \`${name}\` in ${file}: ${known}`);
    return;
  }
  const { production = false, ...raw } = found;
  return { name, place, production, raw };
}

/** A named connection of the config file, as a person chooses it. */
export type ContextChoice = {
  readonly name: string;
  /** Where it is, without user or password. */
  readonly urls: readonly string[];
  readonly production: boolean;
  /** Whether a console on it begins without the right to write. */
  readonly isReadOnly: boolean;
  /** It is the one in use. */
  readonly isCurrent: boolean;
};

/** The contexts of the config file, in its order; those of a file that cannot be read are none. */
export function contextChoices(
  flags: RawSettings,
  env: NodeJS.ProcessEnv,
): readonly Omit<ContextChoice, 'isCurrent'>[] {
  const fromEnv = rawFromEnv(env);
  const file = String(flags.config ?? fromEnv.config ?? defaultConfigFile(env));
  const raw = rawFromFile(file, (flags.config ?? fromEnv.config) !== undefined, []);
  const { contexts } = readFileSettings(raw, file, []);
  return Object.entries(contexts).map(([name, settings]) => {
    const { production = false, url = raw.url ?? [], readOnly = flags.readOnly ?? raw.readOnly } = settings;
    const urls = (Array.isArray(url) ? url : [url]).map((one) => {
      const parsed = parseUrl(String(one));
      return typeof parsed === 'string' ? parsed : parsed.url;
    });
    const isReadOnly = readOnly === undefined ? production : readOnly !== false && readOnly !== 'false';
    return { name, urls, production, isReadOnly };
  });
}

/** What says where a server is and how it is entered. */
const placeNames: readonly SettingName[] = [
  ...(['url', 'cluster', 'sentinel', 'embedded', 'embeddedDirectory', 'router', 'context'] as const),
  ...(['user', 'password', 'passwordFile', 'passwordCommand', 'sentinelPasswordFile'] as const),
  ...(['tlsCa', 'tlsCert', 'tlsKey', 'tlsServername'] as const),
];

/** The same settings but for those: they are of the server that the console was opened on. */
export function withoutPlace(
  flags: RawSettings,
  env: NodeJS.ProcessEnv,
): { readonly flags: RawSettings; readonly env: NodeJS.ProcessEnv } {
  const ownFlags = { ...flags };
  const ownEnv = { ...env };
  for (const name of placeNames) {
    delete ownFlags[name];
    delete ownEnv[envName(name)];
  }
  delete ownEnv.REDIS_URL;
  return { flags: ownFlags, env: ownEnv };
}

/**
 * Takes what is secret out of the environment, once it was read: commands we run for somebody, such as the one of
 * `lock run`, inherit the rest of it. A URL stays without its password; one that cannot be read goes.
 */
export function hideSecrets(env: NodeJS.ProcessEnv): void {
  delete env[envName('password')];
  for (const name of [envName('url'), 'REDIS_URL']) {
    const words = env[name]?.trim().split(/\s+/) ?? [];
    const isSecret = words.some((word) => {
      const parsed = parseUrl(word);
      return typeof parsed === 'string' || parsed.password !== undefined;
    });
    if (words.length > 0 && isSecret) env[name] = words.flatMap(withoutPassword).join(' ');
    if (env[name] === '') delete env[name];
  }
}

function withoutPassword(raw: string): string[] {
  const parsed = parseUrl(raw);
  if (typeof parsed === 'string') return [];
  const user = parsed.username === undefined ? '' : `${encodeURIComponent(parsed.username)}@`;
  return [parsed.url.replace('://', `://${user}`)];
}

/**
 * The first that speaks: our own flag or variable, then what programs share (no-color.org, bixense.com/clicolors),
 * then the config file.
 */
function colorOf(set: boolean | undefined, isNear: boolean, env: NodeJS.ProcessEnv): Config['color'] {
  const asked = set === undefined ? undefined : set ? 'always' : 'never';
  if (asked !== undefined && isNear) return asked;
  if (env.NO_COLOR) return 'never';
  if (env.CLICOLOR_FORCE && env.CLICOLOR_FORCE !== '0') return 'always';
  return env.CLICOLOR === '0' ? 'never' : (asked ?? 'auto');
}

/** `ACCESSIBLE=1`, as other programs read it. */
function isOn(value = ''): boolean {
  return /^(1|true|yes|on)$/i.test(value);
}

type Source = {
  readonly raw: RawSettings;
  /** Where it is from, in a word or two. */
  from(name: SettingName): string;
  /** The same for a mistake, where more has to be said. */
  label?(name: string): string;
};
type Settings = v.InferOutput<typeof schema>;

function attempted(read: () => string, mistakes: string[]): string | undefined {
  try {
    return read();
  } catch (error) {
    mistakes.push(messageOf(error));
  }
}

/** Files that are read only when a connection is made: what is wrong with them is said with all other mistakes. */
function checkTls({ tlsCa, tlsCert, tlsKey }: Settings, mistakes: string[]): void {
  const check = (label: string, file: string, run: () => void): void => {
    try {
      readFileSync(file);
    } catch (error) {
      mistakes.push(`${label}: ${file} cannot be read: ${messageOf(error)}`);
      return;
    }
    try {
      run();
    } catch (error) {
      mistakes.push(`${label}: ${messageOf(error)}`);
    }
  };
  if (tlsCa !== undefined) check('--tls-ca', tlsCa, () => checkCertificates(tlsCa));
  if (tlsCert !== undefined) check('--tls-cert', tlsCert, () => checkCertificates(tlsCert));
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    mistakes.push('--tls-cert and --tls-key need each other');
  } else if (tlsCert !== undefined && tlsKey !== undefined) {
    check('--tls-key', tlsKey, () => checkKey(tlsKey, tlsCert));
  }
}
