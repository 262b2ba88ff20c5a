import { WrongTypeError } from '../../errors.ts';
import { type Client, isCluster } from '../../redis/client.ts';
import { keyKinds } from '../../redis/key-types.ts';
import { registeredPages } from '../../redis/registry.ts';
import { defineScript } from '../../redis/script.ts';
import { shellWord } from '../../shell-word.ts';
import { counted } from '../../ui/format.ts';
import type { Doctor, Finding } from '../feature.ts';
import clearCounter from './channel/clear-counter.lua';
import { ChannelNameError } from './channel/errors.ts';
import { channelKeys } from './channel/keys.ts';
import { parseEntry, scanHash } from './channel/ledger.ts';
import { type ChannelView, look, lookAll } from './channel/status.ts';

const settings = /^ship:(.+)$/s;
const counter = /^(.+):done$/s;

const stage = /^ship-stage:(.+):([\w-]{12}:\d+)$/s;

/** Channels where somebody who is waited for stays away, counters of files that are no more, parts written by nobody. */
export const doctor: Doctor = {
  kindOf: keyKinds({
    'ship:*': 'hash',
    'ship-parts:*': 'hash',
    'ship-files:*': 'hash',
    'ship-who:*': 'hash',
    'ship-carry:*': 'hash',
    'ship-aside:*': 'hash',
    'chat:*': 'zset',
    'msgs:*': 'zset',
    'ids:*': 'string',
  }),
  claims: (key) => settings.test(key) || counter.test(key) || stage.test(key),
  async examine(redis, keys) {
    const busy = keys.some((key) => counter.test(key)) ? await busyChannels(redis) : [];
    const found = await Promise.all(
      keys.map((key) => {
        if (stage.test(key)) return examineStage(redis, key);
        return settings.test(key) ? examineChannel(redis, key) : examineCounter(redis, key, busy);
      }),
    );
    return found.flat().filter((finding) => finding !== undefined);
  },
};

async function examineChannel(redis: Client, key: string): Promise<readonly Finding[]> {
  const name = settings.exec(key)?.[1] ?? '';
  const channel = /^\{([^{}]*)\}$/.exec(name)?.[1] ?? name;
  if ((await redis.type(key)) !== 'hash') return [];
  const view = await look(redis, channel).catch((error: unknown) => foreign(error));
  if (view instanceof Error) {
    const fix = view.hint ?? 'Choose another name for the channel';
    return [{ code: 'WRONG_TYPE', severity: 'warning', key, message: view.message, fix }];
  }
  if (!view) return [];
  return [...stalledFinding(key, view), ...asideFinding(key, view)];
}

function asideFinding(key: string, { channel, aside }: ChannelView): readonly Finding[] {
  if (aside === 0) return [];
  return [
    {
      code: 'PARTS_ASIDE',
      severity: 'warning',
      key,
      message: `${counted(aside, 'part')} of ${channel} ${aside === 1 ? 'was' : 'were'} set aside because a consumer could not take ${aside === 1 ? 'it' : 'them'}`,
      fix: `See why with quarterdeck ship aside ${shellWord(channel)}; then quarterdeck ship retry ${shellWord(channel)} CONSUMER --all`,
    },
  ];
}

function stalledFinding(key: string, view: ChannelView): readonly Finding[] {
  const { channel } = view;
  if (view.state !== 'stalled') return [];
  const gone = view.consumers.filter(({ condition }) => condition === 'stalled').map(({ id }) => id);
  const forget = gone.map((id) => `quarterdeck ship forget ${shellWord(channel)} ${shellWord(id)}`);
  return [
    {
      code: 'CHANNEL_STALLED',
      severity: 'error',
      key,
      message: `Nothing moves on ${channel}: ${view.reason}`,
      fix:
        forget.length > 0
          ? `Start them again, or if they are gone for good: ${forget.join('; ')}`
          : 'Run the same `quarterdeck ship run` again: it goes on where it stopped',
    },
  ];
}

async function examineCounter(
  redis: Client,
  key: string,
  busy: readonly string[],
): Promise<Finding | undefined> {
  const file = counter.exec(key)?.[1] ?? '';
  const [type, life, exists] = await Promise.all([redis.type(key), redis.pttl(key), redis.exists(file)]);
  if (type !== 'string' || life !== -1 || exists === 1) return;
  const count = await redis.getrange(key, 0, 20);
  if (!/^\d+$/.test(count)) return;
  const channel = busy.find((name) => file.startsWith(name) || file.startsWith(`{${name}}`));
  // Without a hash tag in Cluster the two lie in different slots, and cannot be looked at as one.
  const isMendable = channel === undefined && (!isCluster(redis) || /\{[^{}]+\}/.test(file));
  const by = 'DEL it if nothing is being shipped under that name';
  return {
    code: 'STALE_DONE',
    severity: 'warning',
    key,
    message: `It counts who has finished ${file}, which is gone: shipped again, it would end before anybody read it`,
    fix: isMendable
      ? '--fix takes it away, if by then nobody has counted on or shipped that file again'
      : channel === undefined
        ? by
        : `Wait until ${channel} is done; then --fix takes it away`,
    ...(isMendable && { repair: async () => void (await clear(redis, [file, key], [count])) }),
  };
}

/** A part being written by a shipper that was taken for dead: when it woke up, its room had been given away. */
async function examineStage(redis: Client, key: string): Promise<Finding | undefined> {
  const [, channel = '', name = ''] = stage.exec(key) ?? [];
  const { parts } = channelKeys(redis, channel);
  const isAbandoned = async (): Promise<boolean> => {
    for await (const [, json] of scanHash(redis, parts)) if (parseEntry(json)?.stage === name) return false;
    return true;
  };
  if (!(await isAbandoned())) return;
  return {
    code: 'STAGE_ABANDONED',
    severity: 'warning',
    key,
    message: 'It was written by a shipper whose place had been given away, and is in no budget',
    fix: '--fix deletes it: its file is shipped by whoever took that place',
    repair: async () => void ((await isAbandoned()) && (await redis.del(key))),
  };
}

/** Nobody but the shipper of a file that is there reads its counter, so one without a file decides nothing. */
const clear = defineScript({ lua: clearCounter, parse: Number });

/** Channels on which something is under way. */
async function busyChannels(redis: Client): Promise<string[]> {
  const busy: string[] = [];
  for await (const page of registeredPages(redis, 'ship')) {
    let left: readonly string[] = page.map(({ name }) => name);
    while (left.length > 0) {
      const { views, more } = await lookAll(redis, left.slice(0, 100));
      left = [...more, ...left.slice(100)];
      for (const { channel, state } of views)
        if (['shipping', 'waiting', 'stalled'].includes(state)) busy.push(channel);
    }
  }
  return busy;
}

/** What is named like a channel and is none. */
function foreign(error: unknown): WrongTypeError | ChannelNameError {
  if (error instanceof WrongTypeError || error instanceof ChannelNameError) return error;
  throw error;
}
