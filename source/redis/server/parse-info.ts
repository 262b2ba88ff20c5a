/** The `field:value` lines of INFO. */
export function parseInfo(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split('\r\n')
      .filter((line) => line.includes(':') && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
}

/** A figure of several servers together; undefined where one of them does not give it. */
export function totalIn(
  infos: readonly Readonly<Record<string, string>>[],
  field: string,
): number | undefined {
  let total = 0;
  for (const { [field]: text } of infos) {
    if (text === undefined || !/^\d+$/.test(text)) return;
    total += Number(text);
  }
  return total;
}
