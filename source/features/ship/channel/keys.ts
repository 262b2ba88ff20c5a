import { type Client, isCluster } from '../../../redis/client.ts';
import { clusterNameFault, keyFamily, singleKey } from '../../../redis/keys.ts';
import { nameFault } from '../../../values.ts';
import { ChannelNameError } from './errors.ts';

/** The keys of one channel; in Cluster they share a slot. */
export type ChannelKeys = ReturnType<typeof channelKeys>;

/** @throws {ChannelNameError} for a name whose keys would be somebody else's */
export function channelKeys(redis: Client, channel: string) {
  const reason = channelFault(channel) ?? clusterNameFault(redis, channel);
  if (reason !== undefined) throw new ChannelNameError(channel, reason);
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

/** Why no channel can be called so; undefined if one can. */
export function channelFault(channel: unknown): string | undefined {
  const fault = nameFault(channel);
  if (fault !== undefined) return fault;
  if (channel === 'chat:') return 'its counter would be the one that numbers rooms';
  // In Cluster it would become `{}...}`, whose empty tag puts the channel's keys into different slots.
  return String(channel).startsWith('}') ? 'it begins with a closing brace' : undefined;
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
