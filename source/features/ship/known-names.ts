import type { Client } from '../../redis/client.ts';
import { registered } from '../../redis/registry.ts';
import { retryAborted } from '../../redis/retry-aborted.ts';
import { UnknownNameError } from '../../unknown-name.ts';
import type { NamesOf } from '../feature.ts';
import { channelKeys } from './channel/keys.ts';
import { look } from './channel/status.ts';

export const knownConsumers: NamesOf = async (redis, _beginning, { channel = '' }) => {
  const view = await look(redis, channel);
  return view?.consumers.map(({ id }) => id) ?? [];
};

/** @throws {UnknownNameError} when nothing was ever shipped there */
export async function assertKnown(redis: Client, channel: string): Promise<void> {
  const { settings, members } = channelKeys(redis, channel);
  if ((await retryAborted(() => redis.exists(settings, members))) > 0) return;
  const known = await registered(redis, 'ship');
  throw new UnknownNameError('ship', 'channel', channel, known, { listedBy: 'ship status' });
}
