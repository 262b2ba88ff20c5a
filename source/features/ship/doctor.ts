import type { Client } from '../../redis/client.ts';
import type { Doctor, Finding } from '../feature.ts';
import { look } from './status.ts';

const settings = /^ship:(.+)$/s;
const counter = /^(.+):done$/s;

/** Channels where somebody who is waited for stays away, and counters of files that are no more. */
export const doctor: Doctor = {
  claims: (key) => settings.test(key) || counter.test(key),
  async examine(redis, keys) {
    const found = await Promise.all(
      keys.map((key) => (settings.test(key) ? examineChannel(redis, key) : examineCounter(redis, key))),
    );
    return found.filter((finding) => finding !== undefined);
  },
};

async function examineChannel(redis: Client, key: string): Promise<Finding | undefined> {
  const name = settings.exec(key)?.[1] ?? '';
  const channel = /^\{([^{}]*)\}$/.exec(name)?.[1] ?? name;
  if ((await redis.type(key)) !== 'hash') return;
  const view = await look(redis, channel);
  if (view?.state !== 'stalled') return;
  const gone = view.consumers.filter(({ stalledMs }) => stalledMs !== null).map(({ id }) => id);
  const forget = gone.map((id) => `quarterdeck ship forget ${channel} ${id}`);
  return {
    code: 'CHANNEL_STALLED',
    severity: 'error',
    key,
    message: `Nothing moves on ${channel}: ${view.reason}`,
    fix:
      forget.length > 0
        ? `Start them again, or if they are gone for good: ${forget.join('; ')}`
        : 'Run the same `quarterdeck ship run` again: it goes on where it stopped',
  };
}

async function examineCounter(redis: Client, key: string): Promise<Finding | undefined> {
  const file = counter.exec(key)?.[1] ?? '';
  const [type, life, exists] = await Promise.all([redis.type(key), redis.pttl(key), redis.exists(file)]);
  if (type !== 'string' || life !== -1 || exists === 1) return;
  if (!/^\d+$/.test((await redis.get(key)) ?? '')) return;
  return {
    code: 'STALE_DONE',
    severity: 'warning',
    key,
    message: `It counts who has finished ${file}, which is gone: shipped again, it would end before anybody read it`,
    fix: 'If nothing is being shipped under that name, DEL it',
  };
}
