import { type Client, isCluster } from '../../../redis/client.ts';
import { keyFamily, singleKey } from '../../../redis/keys.ts';
import { ChannelNameError } from './errors.ts';

/** The keys of one channel; in Cluster they share a slot. */
export type ChannelKeys = ReturnType<typeof channelKeys>;

/** @throws {ChannelNameError} for a name whose keys would be somebody else's */
export function channelKeys(redis: Client, channel: string) {
  if (channel === '') throw new ChannelNameError(channel, 'it is empty');
  if (channel === 'chat:')
    throw new ChannelNameError(channel, 'its counter would be the one that numbers rooms');
  return keyFamily(redis, channel, {
    /** What a part's name is put behind. */
    data: '*',
    members: 'chat:*',
    messages: 'msgs:*',
    ids: 'ids:*',
    lock: 'lock:chat:*',
    settings: 'ship:*',
    parts: 'ship-parts:*',
    files: 'ship-files:*',
    who: 'ship-who:*',
    carry: 'ship-carry:*',
    aside: 'ship-aside:*',
    /** What a stage's name is put behind. */
    stage: 'ship-stage:*:',
  });
}

export function dataKey(keys: ChannelKeys, part: string): string {
  return singleKey(keys.data, part);
}

/** How many consumers have finished a part: the legacy counter. */
export function counterKey(keys: ChannelKeys, part: string): string {
  return singleKey(keys.data, `${part}:done`);
}

/** Where a part is written before it is announced: a name of its own, so that nobody late can touch what is shipped. */
export function stageKey(keys: ChannelKeys, stage: string): string {
  return singleKey(keys.stage, stage);
}

/** The members' own keys as a script may touch them: none in Cluster, where they lie in other slots. */
export function seenKeys(redis: Client, ...members: readonly string[]): string[] {
  return isCluster(redis) ? [] : members.map((member) => singleKey('seen:', member));
}

/** Rings with every message of the channel. */
export function messageChannel(keys: ChannelKeys): string {
  return keys.members;
}

/** Published to when room was given back. */
export function budgetChannel(keys: ChannelKeys): string {
  return keys.settings;
}

/** In Cluster a notification is sent in the slot of its family only. */
export function publishCommand(redis: Client): 'PUBLISH' | 'SPUBLISH' {
  return isCluster(redis) ? 'SPUBLISH' : 'PUBLISH';
}
