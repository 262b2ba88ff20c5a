/** One word of a command line that is being typed. */
export type TypedWord = {
  readonly text: string;
  /** The quote that is not closed yet. */
  readonly open: '' | "'" | '"';
};

/**
 * The words of a line up to the cursor, each as it was typed, quotes and all. The last one is what is being typed, and
 * empty behind a blank. What stands before a `;`, `|` or `&` is another command's.
 */
export function typedWords(line: string): readonly string[] {
  let words: string[] = [];
  let word = '';
  let quote = '';
  for (let at = 0; at < line.length; at += 1) {
    const letter = line[at] ?? '';
    if (quote === '' && /[\s;|&]/.test(letter)) {
      if (word !== '') words.push(word);
      if (/[\n;|&]/.test(letter)) words = [];
      word = '';
      continue;
    }
    word += letter;
    if (letter === '\\' && quote !== "'") {
      at += 1;
      word += line[at] ?? '';
    } else if (quote === letter) quote = '';
    else if (quote === '' && (letter === "'" || letter === '"')) quote = letter;
  }
  return [...words, word];
}

/**
 * What a shell makes of a word that was typed so; undefined where that depends on more than the word, such as a
 * variable or the files there are.
 */
export function readTyped(raw: string, home: string | undefined): TypedWord | undefined {
  let text = '';
  let open: TypedWord['open'] = '';
  let rest = raw;
  if (/^~(\/|$)/.test(raw)) {
    if (home === undefined) return;
    text = home;
    rest = raw.slice(1);
  }
  for (let at = 0; at < rest.length; at += 1) {
    const letter = rest[at] ?? '';
    if (letter === '\\' && open !== "'") {
      const next = rest[at + 1] ?? '';
      // Between double quotes it is itself before most letters.
      text += open === '"' && !/["$`\\]/.test(next) ? `\\${next}` : next;
      at += 1;
    } else if (letter === open) open = '';
    else if (open === '' && (letter === "'" || letter === '"')) open = letter;
    else if (open !== "'" && /[$`]/.test(letter)) return;
    else if (open === '' && (/[*?[<>()]/.test(letter) || (letter === '~' && at === 0))) return;
    else text += letter;
  }
  const bare = raw.replaceAll(/\\.|'[^']*'?|"[^"]*"?/gs, '');
  return /\{[^}]*(,|\.\.)/.test(bare) ? undefined : { text, open };
}

/**
 * The rest of a name as bash takes it behind what is typed; undefined where nothing stands for it there, as for an
 * exclamation mark between double quotes.
 */
export function quotedRest(rest: string, open: TypedWord['open']): string | undefined {
  if (open === "'") return rest.replaceAll("'", String.raw`'\''`);
  if (open === '"') return rest.includes('!') ? undefined : rest.replaceAll(/["$`\\]/g, String.raw`\$&`);
  return rest.replaceAll(/[^\p{L}\p{N}\p{M}_@%+=:,./-]/gu, String.raw`\$&`);
}
