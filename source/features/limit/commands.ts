import * as v from 'valibot';
import { messageOf, QuarterdeckError, UsageError } from '../../errors.ts';
import { namesBeginning } from '../../redis/registry.ts';
import { passedOver } from '../../redis/scan.ts';
import { formatDuration } from '../../ui/format.ts';
import { fitTo, sanitise } from '../../ui/text.ts';
import { UnknownNameError } from '../../unknown-name.ts';
import { durationMs, name, wholeNumber } from '../../values.ts';
import {
  defineCommand,
  flag,
  flagOr,
  list as listOf,
  type NamesOf,
  named,
  optionalFlag,
  type ReadContext,
  switchFlag,
  word,
} from '../feature.ts';
import { tellMissing } from '../shards/open-shards.ts';
import type { Verdict } from './check/check.ts';
import { conditionOf } from './condition.ts';
import type { FoundLimit } from './discover.ts';
import { resetGuard } from './guards.ts';
import { Limiter } from './limit.ts';
import type { LimitUse } from './list.ts';
import { formatPeriod } from './period.ts';
import * as printed from './printed.ts';
import { algorithms, type Limit, largestMax, limitOfMember, longestPerMs, shortestPerMs } from './rules.ts';
import { askSubject, discoverOver, listOver, resetOver, restoreOver } from './spread.ts';
import { byNearness } from './state.ts';

/** What a reset took away is kept no more: it has ended by itself, or was given back already. */
export class NothingKeptError extends QuarterdeckError {
  constructor(subject: string, id: string) {
    super(
      'data',
      'NOTHING_KEPT',
      `Nothing is kept of the reset \`${id}\` of \`${subject}\` that could count again`,
      {
        hint: 'It is kept for an hour, and no longer than it would have counted; `limit list` shows what counts now',
      },
    );
  }
}

/** The index has them behind the algorithm and the period. */
const knownSubjects: NamesOf = async (redis, beginning) => {
  const found = await namesBeginning(redis, 'limit', beginning, '*:');
  return found.flatMap((member) => limitOfMember(member, 0)?.subject ?? []);
};
const subject = named(word('SUBJECT', 'who is limited, such as key:7f3', name), knownSubjects);
const max = wholeNumber({ min: 1, max: largestMax });
const per = v.pipe(
  durationMs,
  v.check(
    (ms) => ms >= shortestPerMs && ms <= longestPerMs,
    ({ input }) => `Expected a duration from ${shortestPerMs}ms to 366d, got \`${input}ms\``,
  ),
);
const algorithm = v.picklist(algorithms, `Expected one of ${algorithms.join(', ')}`);
const further = v.pipe(
  v.string(),
  v.rawTransform<string, Limit>(({ dataset, addIssue, NEVER }) => {
    const [maxText, perText, algorithmText = 'fixed', ...rest] = dataset.value.split('/');
    const parsed = v.safeParse(v.tuple([max, per, algorithm]), [maxText, perText, algorithmText]);
    if (parsed.success && rest.length === 0) {
      const [max, perMs, algorithm] = parsed.output;
      return { max, perMs, algorithm };
    }
    addIssue({ message: `Expected a limit such as 1000/1h or 1000/1h/gcra, got \`${dataset.value}\`` });
    return NEVER;
  }),
);

const flags = {
  max: flag('N', 'how much in each period', max),
  per: flag('DURATION', 'the period', per),
  algorithm: flagOr('NAME', 'fixed, sliding or gcra', algorithm, 'fixed'),
  cost: flagOr('N', 'how much this one takes', wholeNumber({ min: 1, max: largestMax }), '1'),
  and: listOf('N/DURATION', 'a further limit it must have room in, such as 1000/1h or 1000/1h/gcra', further),
  layout: optionalFlag(
    'NAME',
    'seed: count in plain keys SUBJECT:<epoch/60>',
    v.picklist(['seed'], 'Expected seed'),
  ),
};

type HitInput = {
  readonly subject: string;
  readonly max: number;
  readonly per: number;
  readonly algorithm: Limit['algorithm'] & string;
  readonly cost: number;
  readonly and: readonly Limit[];
  readonly layout: 'seed' | undefined;
};

const hitCommand = defineCommand({
  verb: 'hit',
  summary: 'spend from a limit; exit 1 when there is no room, and nothing is spent then',
  words: { subject },
  flags,
  prints: printed.verdict,
  writes: true,
  partial: true,
  examples: [
    'quarterdeck limit hit key:7f3 --max 20 --per 1m',
    'quarterdeck limit hit ip:10.7 --max 10 --per 1s --algorithm gcra --and 1000/1h || echo slow down',
  ],
  async run(context, input) {
    const limits = limitsOf(input);
    return await askSubject(context, input.subject, { limits, mark: true }, async (client) => {
      const limiter = new Limiter(client, limits);
      const verdict = await limiter.hit(input.subject, input.cost);
      // It was spent: that the list may not show it is no reason to keep the answer back.
      await limiter
        .close()
        .catch((error: unknown) => context.warn(`\`limit list\` misses this hit: ${messageOf(error)}`));
      return outcome(verdict);
    });
  },
});

const peekCommand = defineCommand({
  verb: 'peek',
  summary: 'whether a hit would be allowed, without spending',
  words: { subject },
  flags,
  prints: printed.verdict,
  writes: false,
  partial: true,
  async run(context, input) {
    const limits = limitsOf(input);
    const verdict = await askSubject(context, input.subject, { limits }, (client) =>
      new Limiter(client, limits).peek(input.subject, input.cost),
    );
    return outcome(verdict);
  },
});

const resetCommand = defineCommand({
  verb: 'reset',
  summary: 'give a subject all of its limits back',
  words: { subject },
  prints: printed.cleared,
  writes: true,
  partial: true,
  follows:
    'The same for each of its limits; what was used is kept for an hour, and its refusals are forgotten (HDEL).',
  guard: resetGuard,
  async run(context, input) {
    const { cleared, id, missing } = await resetOver(context, input.subject);
    if (cleared === 0 && missing.length === 0) {
      const known = new Set((await listOver(context)).limits.map(({ subject }) => subject));
      throw new UnknownNameError('limit', 'limit of', input.subject, [...known]);
    }
    const limits = cleared === 1 ? 'its limit' : `its ${cleared} limits`;
    return {
      json: { subject: input.subject, cleared, undo: id ?? null },
      text:
        cleared === 0
          ? `No limit of ${sanitise(input.subject)} is known where we could look`
          : `${sanitise(input.subject)} has ${limits} back`,
      ...(id !== undefined && {
        undo: {
          effect: `What ${input.subject} had used counts again, beside what it has used since; its refusals stay forgotten`,
          run: async (again: ReadContext) => (await restored(again, input.subject, id)).text,
        },
      }),
      ...tellMissing(context, missing),
    };
  },
});

const restoreCommand = defineCommand({
  verb: 'restore',
  summary: 'take a reset back within an hour: what was used before counts again, beside what was used since',
  words: { subject, id: word('ID', 'the reset, as `limit reset --json` calls it (`undo`)', name) },
  prints: printed.restored,
  writes: true,
  examples: ['quarterdeck limit restore key:7f3 9f3c21aa07b4'],
  run: async (context, input) => await restored(context, input.subject, input.id),
});

async function restored(context: ReadContext, subject: string, id: string) {
  const count = await restoreOver(context, subject, id);
  if (count === 0) throw new NothingKeptError(subject, id);
  const what = count === 1 ? 'one limit' : `${count} limits`;
  return {
    json: { subject, restored: count },
    text: `${sanitise(subject)} has used again what it had used of ${what} before the reset`,
  };
}

const listCommand = defineCommand({
  verb: 'list',
  summary: 'subjects and what they have used, nearest to the limit first',
  flags: { discover: switchFlag('look through all keys for limits that other programs count') },
  prints: printed.limits,
  writes: false,
  partial: true,
  async run(context, input) {
    const { limits, missing, foreign } = await listOver(context);
    const found = input.discover
      ? await discoverOver(context, context.signal)
      : { limits: [], foreign: [], missing: [] };
    const said = passedOver([...foreign, ...found.foreign], 'limits');
    if (said !== undefined) context.warn(said);
    const sorted = limits.toSorted(byNearness);
    const lines = [...sorted.map(line), ...found.limits.map(line)];
    return {
      json: [...sorted.map(limitJson), ...found.limits.map(foundJson)],
      text: lines.length === 0 ? 'No limits' : lines,
      ...tellMissing(context, [
        ...new Map([...missing, ...found.missing].map((down) => [down.shard, down])).values(),
      ]),
    };
  },
});

export const commands = [hitCommand, peekCommand, resetCommand, restoreCommand, listCommand] as const;

/** A limit as `limit list --json` and the snapshot tell of it. */
export function limitJson(use: LimitUse) {
  const { subject, algorithm, limit, perMs, used, remaining, resetMs, denied, layout } = use;
  return {
    subject,
    algorithm,
    limit,
    perMs,
    used,
    remaining,
    resetMs,
    denied: denied ?? null,
    condition: conditionOf(use),
    ...(layout !== undefined && { layout }),
  };
}

/** The same of a limit that only its key tells of: of how much it is, and how often it refused, nobody knows. */
function foundJson({ subject, algorithm, perMs, used, resetMs, layout }: FoundLimit) {
  return {
    subject,
    algorithm,
    limit: null,
    perMs,
    used,
    remaining: null,
    resetMs,
    denied: null,
    condition: null,
    ...(layout !== undefined && { layout }),
  };
}

function limitsOf({ max, per, algorithm, cost, and, layout }: HitInput): readonly Limit[] {
  const limits: Limit[] = [{ max, perMs: per, algorithm, ...(layout !== undefined && { layout }) }, ...and];
  const smallest = Math.min(...limits.map((limit) => limit.max));
  if (cost > smallest) {
    throw new UsageError(`Expected --cost to be at most ${smallest}, the whole limit, got \`${cost}\``);
  }
  return limits;
}

function outcome(verdict: Verdict) {
  const { subject, allowed, limit, remaining, retryAfterMs, resetMs } = verdict;
  const left = `${remaining} of ${limit} left`;
  const text = allowed
    ? `allowed  ${sanitise(subject)}  ${left}${resetMs > 0 ? `, all back in ${formatDuration(resetMs)}` : ''}`
    : `refused  ${sanitise(subject)}  ${left}, try again in ${formatDuration(retryAfterMs)}`;
  return {
    json: { subject, allowed, limit, remaining, retryAfterMs, resetMs },
    text,
    exitCode: allowed ? 0 : 1,
  };
}

function line(use: LimitUse | FoundLimit): string {
  const { subject, algorithm, perMs, used, resetMs } = use;
  const rate = `${used ?? '?'}/${'limit' in use ? use.limit : '?'} per ${formatPeriod(perMs)}`;
  const back = resetMs > 0 ? `all back in ${formatDuration(resetMs)}` : 'unused';
  return [
    fitTo(sanitise(subject), 28),
    fitTo(rate, 20, 'right'),
    fitTo(algorithm, 7),
    fitTo(back, 18),
    `denied ${('denied' in use ? use.denied : undefined) ?? '?'}`,
  ].join('  ');
}
