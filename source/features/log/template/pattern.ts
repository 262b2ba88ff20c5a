const wild = '<*>';

/** A template's words, and the literal text around its wildcards. */
export type Pattern = {
  readonly template: string;
  readonly words: number;
  readonly parts: readonly string[];
};

export function wordCount(template: string): number {
  let count = 1;
  for (let at = template.indexOf(' '); at !== -1; at = template.indexOf(' ', at + 1)) count += 1;
  return count;
}

export function patternOf(template: string): Pattern {
  return { template, words: wordCount(template), parts: template.split(wild) };
}

/**
 * Whether the pattern's literal parts stand in this text with one word without digits, or a piece of one, between
 * them: what has digits was masked, or is an exact text of somebody else's. Each part is taken where it first fits, so
 * this takes linear time whatever a log contains; `write.lua` does the same.
 */
export function covers({ template, parts }: Pattern, text: string): boolean {
  if (parts.length === 1) return text === template;
  let at = 0;
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    const found = index === 0 ? 0 : isLast ? text.length - part.length : text.indexOf(part, at);
    if (found < at || !text.startsWith(part, found) || /[\t-\r \d]/.test(text.slice(at, found))) return false;
    at = found + part.length;
  }
  return true;
}
