import * as v from 'valibot';
import { isGlobalFlag } from './global-flags.ts';
import { durationMs } from './values.ts';

/** Settings that only the config file has: they have a structure that no flag could give them. */

export const timeStyles = ['local', 'utc', 'age'] as const;
/** `age`: how long ago; where only a clock makes sense, such as for the hour of a log, it is local time. */
export type TimeStyle = (typeof timeStyles)[number];

const text = v.pipe(v.string('Expected text'), v.nonEmpty('Expected text, got nothing'));
const severity = v.picklist(['bad', 'warn'], 'Expected bad or warn');

const rule = v.strictObject({
  /** `topic.lag > 5000`: a field of the rows of a pane. */
  if: v.pipe(
    text,
    v.regex(/^\s*\w+\.[\w/]+\s*(>=|<=|==|!=|>|<)\s*\S/, 'Expected a condition such as topic.lag > 5000'),
  ),
  severity: v.optional(severity, 'warn'),
  /** So long it must hold on end. */
  for: v.optional(durationMs),
});
const off = v.strictObject({
  /** `lock.noTtl`: a kind of need that is none here. */
  off: text,
  /** Only for things of this name; `*` stands for anything. */
  name: v.optional(text),
});

/** `title`: in the title of the window; `bell`; `osc9`, `osc777`: by the terminal; a list: a command, without a shell. */
const way = v.union(
  [v.picklist(['bell', 'title', 'osc9', 'osc777']), v.pipe(v.array(text), v.minLength(1))],
  'Expected bell, title, osc9, osc777 or a command as a list',
);

const clipboard = v.union(
  [
    v.picklist(['auto', 'osc52', 'tmux', 'off']),
    v.pipe(v.array(v.pipe(v.string(), v.nonEmpty())), v.minLength(1)),
  ],
  'Expected auto, osc52, tmux, off, or a program and its arguments as a list such as ["wl-copy"]',
);

const aliases = v.record(
  v.pipe(v.string(), v.regex(/^[\w-]+$/, 'Expected an alias to be one word of letters, digits, - and _')),
  v.pipe(v.string('Expected text for an alias'), v.nonEmpty('Expected an alias to stand for something')),
  'Expected an object such as {"stuck": "topic /state:dead"}',
);

/** `topic`, or `topic:2` for one twice as broad as its neighbours. */
const pane = v.pipe(
  v.string('Expected the name of a pane'),
  v.regex(/^\w+(:[1-9])?$/, 'Expected a pane such as topic or topic:2'),
);
const view = v.union(
  [
    v.strictObject({ rows: v.pipe(v.array(v.pipe(v.array(pane), v.minLength(1))), v.minLength(1)) }),
    v.strictObject({ focus: pane, side: v.optional(v.array(pane)) }),
  ],
  'Expected {"rows": [["topic:2", "chat"], ["lock"]]} or {"focus": "topic", "side": ["lock"]}',
);

/** Any setting of the config file, and whether these servers are production. */
const context = v.pipe(
  v.looseObject({ production: v.optional(v.boolean('Expected true or false')) }),
  v.check(
    (settings) => Object.keys(settings).every((name) => name === 'production' || isContextSetting(name)),
    'Expected settings such as {"url": ["rediss://db:6379"], "production": true}',
  ),
);

function isContextSetting(name: string): boolean {
  return isGlobalFlag(name) && !['context', 'config', 'debug'].includes(name);
}

const fileSettings = {
  needs: v.array(v.union([rule, off], 'Expected {"if": ..., "severity": ...} or {"off": ...}')),
  notify: v.strictObject({
    bad: v.optional(v.array(way)),
    warn: v.optional(v.array(way)),
    atMost: v.optional(durationMs),
  }),
  /** Named connections. */
  contexts: v.record(v.pipe(text, v.maxLength(40)), context),
  /** The user's own views of the console, by name. */
  views: v.record(v.pipe(text, v.maxLength(30)), view),
  /** The chat room in which the console tells what its operator does about needs. */
  room: text,
  /** How text is copied; a list is a program and its arguments, which reads it from stdin. */
  clipboard,
  /** How the console shows times at first. */
  times: v.picklist(timeStyles, `Expected one of ${timeStyles.join(', ')}`),
  /** `wheel`: the terminal turns the wheel into arrow keys, and goes on selecting text itself. */
  mouse: v.picklist(['wheel', 'off'], 'Expected wheel or off'),
  /** Words of the console's command line that stand for more. */
  aliases,
} as const;

export type NeedRule = v.InferOutput<typeof rule>;
export type NeedOff = v.InferOutput<typeof off>;
export type NotifyWay = v.InferOutput<typeof way>;
export type FileSettings = {
  readonly needs: readonly (NeedRule | NeedOff)[];
  readonly notify: v.InferOutput<(typeof fileSettings)['notify']>;
  readonly contexts: v.InferOutput<(typeof fileSettings)['contexts']>;
  readonly views: v.InferOutput<(typeof fileSettings)['views']>;
  readonly room: string | undefined;
  readonly clipboard: 'auto' | 'osc52' | 'tmux' | 'off' | readonly string[];
  readonly times: TimeStyle;
  readonly mouse: 'wheel' | 'off';
  readonly aliases: Readonly<Record<string, string>>;
};

export const fileSettingNames: readonly string[] = Object.keys(fileSettings);

export function isFileSetting(name: string): boolean {
  return Object.hasOwn(fileSettings, name);
}

/** Reads them from what the config file holds; pushes onto `mistakes` what is wrong with them. */
export function readFileSettings(raw: object, file: string, mistakes: string[]): FileSettings {
  const read = <Name extends keyof typeof fileSettings>(
    name: Name,
  ): v.InferOutput<(typeof fileSettings)[Name]> | undefined => {
    if (!Object.hasOwn(raw, name)) return;
    const result = v.safeParse(fileSettings[name], Object(raw)[name]);
    if (result.success) return result.output as v.InferOutput<(typeof fileSettings)[Name]>;
    const [issue] = result.issues;
    const at = v.getDotPath(issue);
    mistakes.push(`\`${name}${at === null ? '' : `.${at}`}\` in ${file}: ${issue.message}`);
  };
  return {
    needs: read('needs') ?? [],
    notify: read('notify') ?? {},
    contexts: read('contexts') ?? {},
    views: read('views') ?? {},
    room: read('room'),
    clipboard: read('clipboard') ?? 'auto',
    times: read('times') ?? 'local',
    mouse: read('mouse') ?? 'wheel',
    aliases: read('aliases') ?? {},
  };
}
