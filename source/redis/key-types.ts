/** What a key that a feature reads has to be, and of which thing it is, as the name stands in the key. */
export type KeyKind = { readonly type: KeyType; readonly name: string; readonly rest: string };
export type KeyType = 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream';

/**
 * Finds the kind of a key by its name alone.
 * @param patterns of letters, `-` and `:`, such as `topic:aside:*:?`: `*` is the name of the thing, `?` what else follows; the first that fits
 */
export function keyKinds(patterns: Readonly<Record<string, KeyType>>): (key: string) => KeyKind | undefined {
  const kinds = Object.entries(patterns).map(([pattern, type]) => {
    const [before = '', after = ''] = pattern.split('*');
    const [fixed = '', rest] = after.split('?');
    const expression = `^${before}(.+)${fixed}${rest === undefined ? '' : '(.+)'}$`;
    return { expression: new RegExp(expression, 's'), before, type };
  });
  return (key) => {
    for (const { expression, before, type } of kinds) {
      if (!key.startsWith(before)) continue;
      const [found, name = '', rest = ''] = expression.exec(key) ?? [];
      if (found !== undefined) return { type, name, rest };
    }
    return undefined;
  };
}
