import type { AnyFeature } from '../../features/index.ts';
import type { Guide, State } from '../../store/store.ts';
import type { Line } from '../../ui/line.ts';
import type { Looking } from '../../ui/nothing.ts';
import { zonedClockSeconds } from '../../ui/times.ts';
import { digitOf } from '../input/keymap.ts';
import { placeOf } from './place.ts';

/** What is said instead of panes that would say nothing, the most needed first. */
export function guideLines(guide: Guide, known: Known, features: readonly AnyFeature[]): readonly Line[] {
  return guide === 'unreached' ? unreachedLines(known) : unusedLines(known, features);
}

export type Known = Pick<State, 'connection'> & Pick<State['screen'], 'emptySinceMs'>;

/** Where and since when there was nothing of this feature. */
export function lookingOf(
  { connection, emptySinceMs }: Known,
  { noun, spreads = false, discovery }: Pick<AnyFeature, 'noun' | 'spreads' | 'discovery'>,
): Looking {
  const sinceMs = emptySinceMs[noun];
  return {
    place: placeOf(connection, { isSpread: spreads }),
    since: sinceMs === undefined ? undefined : zonedClockSeconds(sinceMs),
    others: discovery?.what,
  };
}

function unreachedLines({ connection }: Known): readonly Line[] {
  const { error, attempt } = connection;
  const tries = attempt > 0 ? `, ${attempt} ${attempt === 1 ? 'time' : 'times'}` : '';
  return [
    { spans: [{ text: 'Redis is not reached', tone: 'strong' }] },
    row('tried', `${placeOf(connection)}${tries}`),
    row('answer', error ?? 'none yet: nothing refuses, and nothing answers'),
    ...causesOf(error).map((cause, index) => row(index === 0 ? 'maybe' : '', cause)),
    { spans: [] },
    row('Enter', 'tries again now; it goes on trying by itself'),
    row('q', 'leaves, with exit code 3; then one of these:'),
    { spans: [] },
    row('', 'quarterdeck --url redis://HOST:PORT    another server (or REDIS_URL)'),
    row('', 'quarterdeck --context NAME             one that the config file names'),
    row('', 'quarterdeck --embedded                 a private server, for trials'),
    row('', 'quarterdeck demo                       real work on a server of its own'),
  ];
}

const usualCauses: readonly (readonly [sign: RegExp, causes: readonly string[]])[] = [
  [
    /ECONNREFUSED/,
    [
      'nothing listens there: is the server started, is it that port?',
      'it listens elsewhere: see `bind`, or what a container publishes',
    ],
  ],
  [/ENOTFOUND|EAI_AGAIN/, ['the name of the host is misspelled, or known in another network only']],
  [
    /EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|no answer/,
    ['a firewall, a VPN that is down, or the host is another one'],
  ],
  [/ENOENT/, ['there is no such socket: see `unixsocket` in the configuration of the server']],
  [/EACCES/, ['you may not use that socket: see `unixsocketperm`']],
  [
    /WRONGPASS|NOAUTH|password|AUTH/i,
    ['QUARTERDECK_PASSWORD, --password-file or --password-command; an ACL user goes into --user'],
  ],
  [
    /CERT|SSL|TLS|certificate|wrong version|EPROTO/i,
    ['rediss:// for a server that speaks TLS, redis:// for one that does not; --tls-ca FILE'],
  ],
  [/NOPERM/, ['what this user may do: `quarterdeck acl` prints what the console needs']],
  [/LOADING|BUSY/, ['the server is there and not ready yet: wait for it']],
];

function causesOf(error: string | undefined): readonly string[] {
  const said = error ?? 'no answer';
  return usualCauses.find(([sign]) => sign.test(said))?.[1] ?? [];
}

function unusedLines({ connection, emptySinceMs }: Known, features: readonly AnyFeature[]): readonly Line[] {
  const known = features.flatMap((feature, index) =>
    feature.nothing ? [{ ...feature.nothing, noun: feature.noun, digit: digitOf(index) ?? '' }] : [],
  );
  const sinceMs = Math.max(0, ...known.map(({ noun }) => emptySinceMs[noun] ?? 0));
  const since = sinceMs === 0 ? '' : `, at ${zonedClockSeconds(sinceMs)} and since then`;
  const longest = Math.max(...known.map(({ noun }) => noun.length));
  const others = features.filter(({ discovery }) => discovery);
  return [
    { spans: [{ text: 'This server has nothing that Quarterdeck knows of', tone: 'strong' }] },
    row(
      'looked',
      `at the indexes ${commonly(known.flatMap(({ looked }) => looked))} on ${placeOf(connection)}${since}`,
    ),
    ...(others.length === 0
      ? []
      : [
          row(
            'd',
            `looks through all keys for what is there all the same: ${others.map(({ noun }) => noun).join(', ')}`,
          ),
        ]),
    { spans: [] },
    { spans: ['The first of each, from a shell:'] },
    ...known.map(({ noun, digit, first }): Line => {
      return {
        spans: [{ text: `  ${digit} ${noun.padEnd(longest)}  `, tone: 'muted' }, first],
        indent: longest + 6,
      };
    }),
    { spans: [] },
    row('demo', 'quarterdeck demo is a console over real work, on a server of its own'),
  ];
}

/** `quarterdeck:chat, quarterdeck:lock` as `quarterdeck:… (chat, lock)`. */
function commonly(keys: readonly string[]): string {
  const prefix = 'quarterdeck:';
  if (!keys.every((key) => key.startsWith(prefix))) return keys.join(', ');
  return `${prefix}* (${keys.map((key) => key.slice(prefix.length)).join(', ')})`;
}

const labelCells = 8;

function row(label: string, text: string): Line {
  return { spans: [{ text: label.padEnd(labelCells), tone: 'muted' }, text], indent: labelCells };
}
