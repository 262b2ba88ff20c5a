import type { Redis } from 'ioredis';
import { messageOf, WrongTypeError } from '../errors.ts';
import { type Doctor, defineCommand, type Finding, switchFlag, type Text } from '../features/feature.ts';
import { type AnyFeature, features } from '../features/index.ts';
import { type Client, masters } from '../redis/client.ts';
import { nameInKey } from '../redis/keys.ts';
import { refusalSort } from '../redis/refusals.ts';
import { overlongCount, registryKey } from '../redis/registry.ts';
import { scan } from '../redis/scan.ts';
import { shellWord } from '../shell-word.ts';
import { counted, formatCount } from '../ui/format.ts';
import { examineServer } from './doctor-server.ts';
import { failureOf } from './failure.ts';
import * as printed from './printed.ts';
import { ReadOnlyError } from './run-command.ts';

/**
 * Looks through every key once, at a bounded rate, and lets each feature examine those that may be its own, whoever
 * wrote them; then at the servers' settings. Mends only what is certain to lose nothing, and only when asked to.
 */
export const doctorCommand = defineCommand({
  verb: 'doctor',
  summary: 'look for what went wrong in every family of keys; exit 1 if something is found',
  flags: { fix: switchFlag('mend what can be mended without losing anything') },
  prints: printed.findings,
  writes: false,
  examples: ['quarterdeck doctor', 'quarterdeck doctor --fix --json'],
  async run(context, { fix }) {
    if (fix && context.config.readOnly) throw new ReadOnlyError('doctor --fix');
    const chosen = await Promise.all(Object.values(features).map((load) => load()));
    const findings: Located[] = [];
    for (const { ask, url } of context.connections) {
      // With one server it goes without saying.
      const where = context.connections.length > 1 ? { server: url } : {};
      for (const server of await masters(ask)) {
        const found = [
          ...(await examineServer(server)),
          ...(await examineKeys(ask, server, chosen, context.signal)),
        ];
        for (const finding of found) findings.push({ ...finding, ...where });
      }
    }
    let mended = 0;
    for (const { key, code, repair } of fix ? findings : []) {
      if (!repair) continue;
      try {
        await repair();
        mended += 1;
      } catch (error) {
        if (context.signal.aborted || refusalSort(error) === 'passing') throw error;
        context.warn(`${code} of ${key} was not mended: ${messageOf(error)}`);
      }
    }
    const json = findings.map(({ repair: _repair, ...shown }) => shown);
    return { json, text: textOf(findings, mended), exitCode: findings.length > mended ? 1 : 0 };
  },
});

type Located = Finding & { readonly server?: string };

function textOf(findings: readonly Located[], mended: number): Text {
  if (findings.length === 0) return 'Nothing found';
  const lines = findings.flatMap(({ severity, code, key, server, message, fix }) => [
    `${severity.toUpperCase()} ${code} ${key}${server === undefined ? '' : ` at ${server}`}`,
    `  ${message}`,
    `  ${fix}`,
  ]);
  return [...lines, `${findings.length} found, ${mended} mended`];
}

/** Looks at every key of one server once. What cannot be looked at is a finding of its own, and hides nothing else. */
async function examineKeys(
  redis: Client,
  server: Redis,
  chosen: readonly AnyFeature[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings = await examineIndexes(redis, chosen);
  const counts = new Counts();
  /** By key: what has another type than the feature reads. */
  const mistyped = new Map<string, Finding>();
  /** Features of which nothing can be examined here. */
  const closed = new Set<string>();
  for await (const keys of scan(server, { count: 1000, perSecond: 50, signal })) {
    // SCAN may show a key twice in one batch.
    const distinct = [...new Set(keys)];
    for (const { noun, doctor } of chosen) {
      if (!doctor) continue;
      for (const finding of await examineTypes(redis, doctor, { noun, keys: distinct, signal }))
        if (counts.takes(noun, finding)) mistyped.set(finding.key, finding);
      const own = closed.has(noun) ? [] : distinct.filter((key) => doctor.claims(key));
      if (own.length === 0) continue;
      const look = { noun, keys: own, signal, isBrief: counts.isFull(noun) };
      const examined = await examine(doctor, redis, look);
      // One at a time: a room may have more members than a call takes arguments.
      for (const finding of examined.findings) if (counts.takes(noun, finding)) findings.push(finding);
      if (examined.isClosed) closed.add(noun);
    }
  }
  // Of a key of another type one finding is enough.
  const others = findings.filter(({ code, key }) => code !== 'WRONG_TYPE' || !mistyped.has(key));
  // One key may have several patients, such as the members of a room, each with a cure of its own.
  const identity = ({ code, key, fix }: Finding): string => JSON.stringify([code, key, fix]);
  return [
    ...counts.rest(),
    ...new Map([...mistyped.values(), ...others].map((finding) => [identity(finding), finding])).values(),
  ];
}

/** Findings of one code that are listed: what is wrong with as many keys has one cause. */
const mostOfCode = 10_000;

/** How often each thing was found. */
class Counts {
  readonly #counts = new Map<string, { readonly noun: string; readonly finding: Finding; count: number }>();

  /** Counts it. @returns whether it is to be listed */
  takes(noun: string, finding: Finding): boolean {
    const key = JSON.stringify([noun, finding.code]);
    const known = this.#counts.get(key) ?? { noun, finding, count: 0 };
    known.count += 1;
    this.#counts.set(key, known);
    return known.count <= mostOfCode;
  }

  /** Whether something of this feature was found more often than is listed. */
  isFull(noun: string): boolean {
    return this.#counts.values().some((each) => each.noun === noun && each.count > mostOfCode);
  }

  /** How many are not listed, for each code a finding. */
  rest(): readonly Finding[] {
    return [...this.#counts.values()]
      .filter(({ count }) => count > mostOfCode)
      .map(({ noun, count, finding: { code, severity, repair } }) => ({
        code: 'MORE_FOUND',
        severity,
        key: noun,
        message: `${formatCount(count - mostOfCode)} more of ${code} were found in ${noun}, and are not listed`,
        fix: repair
          ? 'Mend the first ones with `quarterdeck doctor --fix`, and run it again'
          : `See what writes so many, mend those that are listed, and run it again`,
      }));
  }
}

/** Types of keys as people call them. */
const typeNames: Readonly<Record<string, string>> = { zset: 'sorted set' };

/** Keys of registered things that have another type than their feature reads: nothing in them is shown. */
async function examineTypes(
  redis: Client,
  { kindOf, listedAs }: Doctor,
  { noun, keys, signal }: { noun: string; keys: readonly string[]; signal: AbortSignal },
): Promise<readonly Finding[]> {
  const known = keys.flatMap((key) => {
    const kind = kindOf?.(key);
    return kind ? [{ key, kind }] : [];
  });
  try {
    const types = await Promise.all(known.map(({ key }) => redis.type(key)));
    const found = await Promise.all(
      known.map(async ({ key, kind }, index) => {
        const is = types[index] ?? 'none';
        if (is === 'none' || is === kind.type) return [];
        const name = listedAs?.(kind, key) ?? nameInKey(redis, kind.name);
        const isListed = name !== undefined && (await redis.zscore(registryKey(noun), name)) !== null;
        return isListed ? [wrongType(key, { noun, name: kind.name, type: kind.type, found: is })] : [];
      }),
    );
    return found.flat();
  } catch (error) {
    if (signal.aborted || refusalSort(error) !== 'lasting') throw error;
    return [notChecked(noun, error, `so the types of its keys were not checked`)];
  }
}

type Mistyped = {
  readonly noun: string;
  readonly name: string;
  readonly type: string;
  readonly found: string;
};

function wrongType(key: string, { noun, name, type, found }: Mistyped): Finding {
  const [is, should] = [typeNames[found] ?? found, typeNames[type] ?? type];
  return {
    code: 'WRONG_TYPE',
    severity: 'error',
    key,
    message: `It is a ${is} and should be a ${should}: what it holds of \`${name}\` in ${noun} is not read`,
    fix: `See who writes there with \`redis-cli TYPE ${shellWord(key)}\`; move it away with \`redis-cli RENAME ${shellWord(key)} ${shellWord(`${key}.odd`)}\`, or choose another name`,
  };
}

/** The index of each feature, without which nothing of it is listed. */
async function examineIndexes(redis: Client, chosen: readonly AnyFeature[]): Promise<Finding[]> {
  const found = await Promise.all(chosen.map(({ noun }) => examineIndex(redis, noun)));
  return found.flat();
}

async function examineIndex(redis: Client, noun: string): Promise<Finding[]> {
  const key = registryKey(noun);
  const type = await redis.type(key);
  if (type === 'none') return [];
  if (type !== 'zset') {
    return [
      {
        code: 'INDEX_UNREADABLE',
        severity: 'error',
        key,
        message: `It should list what there is of ${noun} and is a ${type}: ${noun} cannot be listed`,
        fix: `Move it away with \`redis-cli RENAME ${shellWord(key)} ${shellWord(`${key}.odd`)}\`; the next use of each thing lists it again`,
      },
    ];
  }
  let overlong: number;
  try {
    overlong = await overlongCount(redis, noun);
  } catch (error) {
    if (refusalSort(error) !== 'lasting') throw error;
    return [notChecked(key, error, 'so its names were not counted')];
  }
  if (overlong === 0) return [];
  return [
    {
      code: 'INDEX_NAME_TOO_LONG',
      severity: 'warning',
      key,
      message: `${counted(overlong, 'name')} in it longer than a name can be: no list shows such`,
      fix: `See what writes there; \`redis-cli DEL ${shellWord(key)}\` forgets all of it, and the next use of each thing lists it again`,
    },
  ];
}

type Look = {
  readonly noun: string;
  readonly keys: readonly string[];
  readonly signal: AbortSignal;
  readonly isBrief: boolean;
};

type Examined = { readonly findings: readonly Finding[]; readonly isClosed?: boolean };

async function examine(
  doctor: Doctor,
  redis: Client,
  { noun, keys, signal, isBrief }: Look,
): Promise<Examined> {
  try {
    return { findings: await doctor.examine(redis, keys, isBrief) };
  } catch (error) {
    // Nobody answers any more, or not for now: that is no finding about a key.
    if (signal.aborted || refusalSort(error) === 'passing') throw error;
    const isOfAll =
      error instanceof WrongTypeError ? !keys.includes(error.key) : refusalSort(error) === 'lasting';
    if (isOfAll) {
      const key = error instanceof WrongTypeError ? error.key : noun;
      return { findings: [notChecked(key, error, `so nothing of ${noun} was examined`)], isClosed: true };
    }
    const [first = ''] = keys;
    if (keys.length === 1) return { findings: [notChecked(first, error, 'so it was not examined')] };
    // The others are well: the bad ones are found by halves.
    const half = Math.ceil(keys.length / 2);
    const parts = [
      await examine(doctor, redis, { noun, keys: keys.slice(0, half), signal, isBrief }),
      await examine(doctor, redis, { noun, keys: keys.slice(half), signal, isBrief }),
    ];
    return {
      findings: parts.flatMap(({ findings }) => findings),
      isClosed: parts.some(({ isClosed }) => isClosed),
    };
  }
}

function notChecked(key: string, error: unknown, consequence: string): Finding {
  const { code, message, hint } = failureOf(error);
  return {
    code: code === 'WRONG_TYPE' ? code : 'NOT_CHECKED',
    severity: 'warning',
    key,
    message: `${message}; ${consequence}`,
    fix:
      code === 'INTERNAL' || hint === undefined
        ? `Look at it with \`redis-cli TYPE ${shellWord(key)}\``
        : hint,
  };
}
