import { messageOf, QuarterdeckError } from '../errors.ts';
import type { CommandContext } from '../features/feature.ts';
import type { Client } from '../redis/client.ts';
import { dryRun, type Withheld, WithheldError } from '../redis/dry-run.ts';
import { counted, formatBytes, formatCount, formatDuration } from '../ui/format.ts';
import { safeLines, sanitise, truncate } from '../ui/text.ts';
import type { AnyCommand } from './run-command.ts';

/** How much of a value, of the fields of a hash, and of many keys or words is shown; the rest is counted. */
const mostOfValue = 200;
const mostOfWord = 80;
const mostFields = 8;
const mostKeys = 40;
const mostWords = 12;

/**
 * What a command would send to Redis, and what its keys hold now. It runs as it would, but nothing that may write leaves:
 * what follows from the answer to its first write is therefore not known, and is described where the command does.
 */
export async function previewOf(
  path: string,
  command: AnyCommand,
  context: CommandContext,
  input: Record<string, unknown>,
): Promise<readonly string[]> {
  if (command.outside !== undefined) return [`Nothing was sent. ${command.outside}`];
  const runs = context.connections.map((connection) => ({
    url: connection.url,
    run: dryRun(connection.ask),
  }));
  const [first] = runs;
  if (!first) return ['Nothing was sent: there is no server.'];
  const ending = new AbortController();
  const connections = context.connections.map((connection, index) => ({
    ...connection,
    ask: runs[index]?.run.client ?? first.run.client,
  }));
  const dry: CommandContext = {
    ...context,
    redis: first.run.client,
    connections,
    signal: AbortSignal.any([context.signal, ending.signal]),
    async emit() {},
    async write() {},
    progress() {},
    warn() {},
    unconfirmed() {},
  };
  let became: string | undefined;
  try {
    const { text } = await command.run(dry, input);
    became = safeLines(text)[0];
  } catch (error) {
    if (!isWithheld(error)) became = `it would fail: ${sentence(error)}`;
  } finally {
    ending.abort();
  }
  const sends = runs.flatMap(({ url, run }) =>
    run.withheld.map((sent) => ({ url, sent, client: run.client })),
  );
  if (sends.length === 0) return [`Nothing was sent, and \`${path}\` would change nothing: ${became ?? ''}`];
  const lines = ['Nothing was sent. As things are now it would send:'];
  for (const [index, { url, sent, client }] of sends.entries()) {
    const where = runs.length > 1 ? `  on ${url}` : '';
    lines.push('', `${index + 1}  ${nameOf(sent)}${where}`, ...(await linesOf(client, sent)));
  }
  const isCut = runs.some(({ run }) => run.isCut());
  lines.push(
    '',
    command.follows ?? (isCut ? 'What it does after that depends on the answer.' : 'That is all it writes.'),
  );
  return lines.map(sanitise);
}

function nameOf({ name, calls }: Withheld): string {
  return name === 'script' ? `one script, which may ${calls.join(', ')}` : name;
}

async function linesOf(client: Client, { keys, words }: Withheld): Promise<readonly string[]> {
  const shown = keys.slice(0, mostKeys);
  const states = await Promise.all(shown.map((key) => stateOf(client, key, words)));
  const longest = Math.min(mostOfWord, Math.max(0, ...shown.map((key) => sanitise(key).length)));
  const lines = shown.map(
    (key, index) => `   key   ${truncate(sanitise(key), mostOfWord).padEnd(longest)}  ${states[index]}`,
  );
  if (keys.length > shown.length) lines.push(`   and ${counted(keys.length - shown.length, 'more key')}`);
  const given = words.slice(0, mostWords).map(shortened);
  if (given.length > 0) lines.push(`   with  ${given.join('  ')}`);
  if (words.length > given.length) lines.push(`   and ${counted(words.length - given.length, 'more word')}`);
  return lines;
}

/** What a key holds now, in few words. */
async function stateOf(client: Client, key: string, words: readonly string[]): Promise<string> {
  try {
    const [type, ttl] = await Promise.all([client.type(key), client.pttl(key)]);
    if (type === 'none') return 'is not there';
    const ends = ttl > 0 ? `, expires in ${formatDuration(ttl)}` : '';
    return `${type}${ends}: ${await contentOf(client, type, key, words)}`;
  } catch (error) {
    return `could not be read: ${messageOf(error)}`;
  }
}

async function contentOf(
  client: Client,
  type: string,
  key: string,
  words: readonly string[],
): Promise<string> {
  if (type === 'string') {
    const [length, start] = await Promise.all([client.strlen(key), client.getrange(key, 0, mostOfValue - 1)]);
    return length > mostOfValue ? `${shortened(start)} (${formatBytes(length)})` : shortened(start);
  }
  if (type === 'hash') return await hashOf(client, key, words);
  if (type === 'list') return counted(await client.llen(key), 'item');
  if (type === 'set') return counted(await client.scard(key), 'member');
  if (type === 'zset') return await zsetOf(client, key, words);
  return type === 'stream' ? entries(await client.xlen(key)) : '';
}

function entries(count: number): string {
  return count === 1 ? '1 entry' : `${formatCount(count)} entries`;
}

/** A small hash whole; of a large one the fields that the command names. */
async function hashOf(client: Client, key: string, words: readonly string[]): Promise<string> {
  const length = await client.hlen(key);
  const candidates = length <= mostFields ? await client.hkeys(key) : words.slice(0, mostWords);
  const lengths = await Promise.all(candidates.map((field) => client.hstrlen(key, field)));
  const values = await Promise.all(
    candidates.map(async (field, index) => {
      const size = lengths[index] ?? 0;
      if (size === 0) return [];
      const value = size > mostOfValue ? formatBytes(size) : shortened((await client.hget(key, field)) ?? '');
      return [`${shortened(field)}=${value}`];
    }),
  );
  const named = values.flat();
  const rest = length - named.length;
  const more = rest > 0 ? [counted(rest, named.length > 0 ? 'other field' : 'field')] : [];
  return [...named, ...more].join('  ');
}

async function zsetOf(client: Client, key: string, words: readonly string[]): Promise<string> {
  const given = words.slice(0, mostWords);
  const [count, ...scores] = await Promise.all([
    client.zcard(key),
    ...given.map((word) => client.zscore(key, word)),
  ]);
  const named = given.flatMap((word, index) => {
    const score = scores[index];
    return score === null || score === undefined ? [] : [`${shortened(word)}=${score}`];
  });
  return [...named, `${counted(count, 'member')} in all`].join('  ');
}

function shortened(text: string): string {
  const safe = sanitise(text);
  return safe.length > mostOfWord ? `${truncate(safe, mostOfWord)} (${formatBytes(text.length)})` : safe;
}

function isWithheld(thrown: unknown): boolean {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if (error instanceof WithheldError) return true;
  return false;
}

function sentence(error: unknown): string {
  const hint = error instanceof QuarterdeckError && error.hint !== undefined ? `. ${error.hint}` : '';
  return messageOf(error) + hint;
}
