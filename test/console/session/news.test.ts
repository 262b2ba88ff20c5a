import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { newsCommand, newsLines } from '../../../source/console/session/news-command.ts';
import { width } from '../../../source/ui/text.ts';

test('the newest section alone, its points whole and as wide as there is room', () => {
  const text =
    '# C\n\nAbout.\n\n## Next\n\n- One\n  [point](a.md) of `x`,\n  that goes on.\n- Two\u001b[2J\n\n## 0.1.0\n\n- Old\n';
  expect(newsLines(text, 16)).toEqual(['Next', '- One point of', '  `x`, that goes', '  on.', '- Two␛[2J']);
  expect(newsLines('', 16)).toEqual(['']);
});

test('what comes with the package is shown, each point of it, and what a narrow view cannot keep is said', async () => {
  const file = readFileSync('CHANGELOG.md', 'utf8');
  const { text } = await newsCommand(() => 76).run({} as never, {} as never);
  const lines = [text].flat();
  expect(lines[0]).toBe(/^## (.*)$/m.exec(file)?.[1]);
  expect(lines.filter((line) => width(line) > 76)).toEqual([]);
  expect(lines.filter((line) => line.startsWith('- '))).toHaveLength(
    file.split(/^## /m)[1]?.match(/^- /gm)?.length ?? 0,
  );
  const narrow = [(await newsCommand(() => 8, 2).run({} as never, {} as never)).text].flat();
  expect([narrow.length, narrow.at(-1)]).toEqual([
    3,
    expect.stringMatching(/^… [\d,]+ more lines: \/.*CHANGELOG\.md$/),
  ]);
});
