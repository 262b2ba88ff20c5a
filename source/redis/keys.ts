import { UsageError } from '../errors.ts';
import { described, nameMistake } from '../values.ts';
import { assertSupported, type Client, isCluster } from './client.ts';

/**
 * The only place where key names are joined.
 *
 * A family is every key that belongs to one named thing (one room, one lock). On one server the names are the
 * book's, as they are. In Cluster the thing's name becomes a hash tag, so that its family shares a slot and one
 * script may touch all of it; a tag the user already wrote is respected.
 * @throws {UnsupportedClientError} for a client that would change the names
 */
export function keyFamily<const Patterns extends Record<string, string>>(
  client: Client,
  name: string,
  patterns: Patterns,
): { readonly [Key in keyof Patterns]: string } {
  assertSupported(client);
  const tagged = isCluster(client) ? withHashTag(name) : name;
  return Object.fromEntries(
    Object.entries(patterns).map(([key, pattern]) => [key, pattern.replace('*', () => tagged)]),
  ) as { readonly [Key in keyof Patterns]: string };
}

/** A prefix and a name that share no slot with anything else, such as `seen:` + member. */
export function singleKey(prefix: string, name: string): string {
  return prefix + name;
}

/** The name as it stands in cluster keys: `{name}`, or unchanged if it already carries a tag. */
export function withHashTag(name: string): string {
  return hashTagOf(name) === undefined ? `{${name}}` : name;
}

/**
 * The name behind the way it stands in a key: the inverse of what `keyFamily` makes of it; undefined where no name is
 * written like this, such as one without a hash tag in Cluster.
 */
export function nameInKey(client: Client, written: string): string | undefined {
  if (!isCluster(client)) return written === '' ? undefined : written;
  const names = [/^\{(.+)\}$/s.exec(written)?.[1], written];
  return names.find((name) => name !== undefined && withHashTag(name) === written);
}

/**
 * Why nothing can be called so in this Cluster, as what is said behind `got ...:`; undefined where it can, and on one
 * server. A tag that somebody wrote is respected: `{a}` is `a`, spelled with it. What begins with a closing brace would
 * become `{}...}`, whose empty tag puts the keys of a family into different slots.
 */
export function clusterNameFault(client: Client, name: string): string | undefined {
  return isCluster(client) && name.startsWith('}') ? 'it begins with a closing brace' : undefined;
}

/**
 * The name of a thing that has keys of its own, by the rule of its family.
 * @throws {UsageError}
 */
export function requireKeyName(
  client: Client,
  name: unknown,
  mistakeOf: (name: unknown) => string | undefined = nameMistake,
): asserts name is string {
  const mistake = mistakeOf(name);
  if (mistake !== undefined) throw new UsageError(mistake);
  const fault = clusterNameFault(client, String(name));
  if (fault !== undefined) throw new UsageError(`Expected another name, got ${described(name)}: ${fault}`);
}

/** The part Redis Cluster hashes when a key carries a tag: between the first `{` and the next `}`, if not empty. */
function hashTagOf(key: string): string | undefined {
  const open = key.indexOf('{');
  if (open === -1) return;
  const close = key.indexOf('}', open + 1);
  return close <= open + 1 ? undefined : key.slice(open + 1, close);
}
