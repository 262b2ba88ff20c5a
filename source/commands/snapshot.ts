import * as v from 'valibot';
import { UsageError } from '../errors.ts';
import { defineCommand, optionalFlag, type ReadContext, switchFlag } from '../features/feature.ts';
import { type AnyFeature, features, loadFeature } from '../features/index.ts';
import { formatOf, frameFormats, frameText, serverName, writeFrame } from '../frames/frame-file.ts';
import { didYouMean } from '../nearest.ts';
import { masters } from '../redis/client.ts';
import { totalIn } from '../redis/server/parse-info.ts';
import { serverIn } from '../redis/server/server-version.ts';
import { infoOf } from '../redis/server/support.ts';
import { plain } from '../ui/theme/sgr.ts';
import { type Condition, parseCondition } from './condition.ts';
import { type Failure, failureOf } from './failure.ts';
import { countNeeds } from './needs/needs.ts';
import { makeNeedsReader } from './needs/read-needs.ts';
import { canAsk, warnOfMissing, warnOfServer } from './unreachable.ts';

/** `120x40` -> columns and rows. */
const frameSize = v.pipe(
  v.string(),
  v.regex(/^\d{1,3}x\d{1,3}$/, 'Expected a size such as 120x40'),
  v.transform((text) => {
    const [columns = 120, rows = 40] = text.split('x').map(Number);
    return { columns, rows };
  }),
  v.check(({ columns, rows }) => columns >= 40 && rows >= 10, 'Expected a size from 40x10 up'),
);

const format = v.picklist(frameFormats, `Expected one of ${frameFormats.join(', ')}`);

export const paneFlag = optionalFlag('NAME', 'only this pane', v.string());
export const failIfFlag = optionalFlag(
  'CONDITION',
  'exit 1 if it holds, such as `topic.lag > 1000`',
  v.string(),
);

export const snapshotCommand = defineCommand({
  verb: 'snapshot',
  summary: 'print one frame of the console, or everything it knows as JSON',
  flags: {
    pane: paneFlag,
    size: optionalFlag(
      'WxH',
      'columns and rows of the frame (those of the terminal, else 120x40)',
      frameSize,
    ),
    format: optionalFlag('FORMAT', `what the frame becomes: ${frameFormats.join(', ')} (text)`, format),
    svg: switchFlag('a picture, as with `--format svg`'),
    save: optionalFlag('FILE', 'write it there, as what its name ends in (.svg, .json, .ansi)', v.string()),
    failIf: failIfFlag,
  },
  writes: false,
  partial: true,
  examples: [
    'quarterdeck snapshot --json | jq .ship',
    "quarterdeck snapshot --fail-if 'topic.lag > 1000'",
    'quarterdeck snapshot --pane topic --size 100x30 --theme light --save topic.svg',
  ],
  async run(context, { pane, size, failIf, format: asked, svg, save }) {
    const chosen = await chosenFeatures(pane);
    const condition = failIf === undefined ? undefined : conditionOn(chosen, failIf);
    warnOfServer(context, chosen);
    const json = await takeSnapshot(context, chosen);
    if (condition?.noun === 'needs') {
      const reader = makeNeedsReader(chosen, context.config);
      Object.assign(json, { needs: countNeeds(await reader.read(context)) });
    }
    const holds = condition?.holds(json) ?? false;
    if (condition?.isAstray(json)) context.warn(astray(condition));
    if (holds) context.warn(`${condition?.text} holds`);
    const failures = Object.entries(json.failed ?? {});
    for (const [noun, { message }] of failures) context.warn(`Without ${noun}: ${message}`);
    const doubt = condition && doubtOf(condition, json);
    if (doubt !== undefined) context.warn(doubt);
    const isUnread = failures.some(([, { kind }]) => kind !== 'connection');
    const isMissing = warnOfMissing(context) || failures.length > 0 || doubt !== undefined;
    const exitCode = holds ? 1 : isUnread ? 4 : isMissing ? 3 : 0;
    if (context.config.json) return { json, text: '', exitCode };
    const wanted = asked ?? (svg ? 'svg' : save === undefined ? 'text' : formatOf(save));
    const background = context.config.theme.fallback === 'light' ? 'light' : 'dark';
    const frame = { ...(size ?? terminalSize()), zoomed: pane };
    const lines = await context.printFrame(context, chosen, {
      ...frame,
      // Its colours do not depend on where it is printed.
      ...((wanted === 'svg' || wanted === 'ansi') && { picture: background }),
    });
    const content = {
      ...frame,
      lines,
      at: json.at,
      server: serverName(context.connections[0]?.url ?? ''),
      pane,
      background,
    } as const;
    if (save !== undefined) {
      const file = writeFrame(save, frameText(wanted, content));
      return { json, text: `Saved ${file}`, exitCode };
    }
    if (wanted === 'text') return { json, text: lines.map(plain), painted: lines, exitCode };
    const whole = frameText(wanted, content);
    return { json, text: whole.trimEnd().split('\n').map(plain), painted: [whole.trimEnd()], exitCode };
  },
});

/** The frame and the prompt below it fit the terminal that it is printed on. */
function terminalSize(): { readonly columns: number; readonly rows: number } {
  const { isTTY, columns = 0, rows = 0 } = process.stdout;
  if (!isTTY || columns === 0 || rows === 0) return { columns: 120, rows: 40 };
  return { columns: Math.max(40, columns), rows: Math.max(10, rows - 1) };
}

/** The features of one pane, or all. @throws {UsageError} when there is no such pane */
export async function chosenFeatures(pane: string | undefined): Promise<readonly AnyFeature[]> {
  if (pane === undefined) return await Promise.all(Object.values(features).map((load) => load()));
  const feature = await loadFeature(pane);
  if (!feature)
    throw new UsageError(`There is no pane \`${pane}\``, {
      hint: `${didYouMean(pane, Object.keys(features))}Known: ${Object.keys(features).join(', ')}`,
    });
  return [feature];
}

/** @throws {UsageError} when it is no condition, or about a pane that is not looked at */
export function conditionOn(chosen: readonly AnyFeature[], text: string): Condition {
  const condition = parseCondition(text);
  const known = ['server', 'needs', ...chosen.map(({ noun }) => noun)];
  if (!known.includes(condition.noun)) {
    throw new UsageError(`\`${text}\` begins with \`${condition.noun}\`, which nothing here is called`, {
      hint: `${didYouMean(condition.noun, known)}Known: ${known.join(', ')}`,
    });
  }
  return condition;
}

export function astray({ text, noun }: Condition): string {
  return `\`${text}\` cannot hold: nothing in ${noun} is called so; \`snapshot --json\` shows what there is`;
}

export type Snapshot = {
  readonly at: number;
  readonly server: unknown;
  /** Each feature's own list or status; null where none answers, or it failed. */
  readonly [noun: string]: unknown;
  /** Why a part is null that was answered, by its noun; absent when every part could be read. */
  readonly failed?: Readonly<Record<string, Failure>>;
};

export type PartAnswer = {
  readonly noun: string;
  /** Null when it was not answered. */
  readonly value: unknown;
  readonly failure?: Failure;
  readonly ms: number;
};

/** Asks the server and every feature at once. One that cannot be read hides no other. */
export async function askParts(
  context: ReadContext,
  chosen: readonly AnyFeature[],
): Promise<readonly PartAnswer[]> {
  const startedAt = performance.now();
  const part = async (
    noun: string,
    feature: AnyFeature | undefined,
    ask: () => Promise<unknown>,
  ): Promise<PartAnswer> => {
    try {
      const value = canAsk(context, feature) ? await ask() : null;
      return { noun, value, ms: performance.now() - startedAt };
    } catch (error) {
      return { noun, value: null, failure: failureOf(error), ms: performance.now() - startedAt };
    }
  };
  return await Promise.all([
    part('server', undefined, () => serverOf(context)),
    ...chosen.map((feature) => part(feature.noun, feature, () => feature.snapshot(context))),
  ]);
}

export async function takeSnapshot(context: ReadContext, chosen: readonly AnyFeature[]): Promise<Snapshot> {
  const answers = await askParts(context, chosen);
  const failed = answers.flatMap(({ noun, failure }) => (failure ? [[noun, failure] as const] : []));
  return {
    at: Date.now(),
    server: null,
    ...Object.fromEntries(answers.map(({ noun, value }) => [noun, value])),
    ...(failed.length > 0 && { failed: Object.fromEntries(failed) }),
  };
}

/** Why it is not known whether the condition holds; undefined when it is. */
export function doubtOf({ text, noun, isUnknown }: Condition, snapshot: Snapshot): string | undefined {
  if (!isUnknown(snapshot)) return;
  return `Whether ${text} is not known: ${noun} does not tell`;
}

async function serverOf({ redis, connections }: ReadContext): Promise<unknown> {
  const infos = await Promise.all((await masters(redis)).map(infoOf));
  const [first = {}] = infos;
  const { name, version } = serverIn(first);
  // What this user may not ask, or the server does not say, is null, never nought.
  const total = (field: string): number | null => totalIn(infos, field) ?? null;
  const upSeconds = totalIn([first], 'uptime_in_seconds');
  return {
    url: connections[0]?.url ?? '',
    kind: connections[0]?.kind ?? '',
    program: version === undefined ? null : name,
    version: version ?? null,
    role: first.role === undefined ? null : first.role === 'master' ? 'primary' : 'replica',
    usedBytes: total('used_memory'),
    maxBytes: total('maxmemory'),
    opsPerSec: total('instantaneous_ops_per_sec'),
    clients: total('connected_clients'),
    uptimeMs: upSeconds === undefined ? null : upSeconds * 1000,
  };
}
