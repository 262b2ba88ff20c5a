import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AnyCommand } from '../../commands/run-command.ts';
import { messageOf, QuarterdeckError } from '../../errors.ts';
import { defineCommand } from '../../features/feature.ts';
import { formatCount } from '../../ui/format.ts';
import { sanitise, wrap } from '../../ui/text.ts';

/** The list of changes that comes with the package cannot be read. */
export class NewsUnreadError extends QuarterdeckError {
  constructor(file: string, error: unknown) {
    super('data', 'NEWS_UNREAD', `The news in ${file} cannot be read: ${messageOf(error)}`, {
      hint: 'It comes with the package: install that anew',
      cause: error,
    });
  }
}

/** The view keeps 1,000, and would drop the newest. */
const mostLines = 900;

/** @param columns the cells that there are for a line */
export function newsCommand(columns: () => number, most = mostLines): AnyCommand {
  return defineCommand({
    verb: 'news',
    summary: 'what is new in this version, from the list of changes that comes with it',
    writes: false,
    offline: true,
    async run() {
      const file = changesFile();
      const lines = newsLines(changes(file), columns());
      const more = lines.length - most;
      const rest = more > 0 ? [`… ${formatCount(more)} more lines: ${sanitise(file)}`] : [];
      return { text: [...lines.slice(0, most), ...rest] };
    },
  });
}

/** Its newest section: `## ` and what is below it, each point in lines of at most so many columns. */
export function newsLines(markdown: string, columns: number): readonly string[] {
  const [, newest = ''] = markdown.split(/^## /m);
  const [title = '', ...rest] = newest.trimEnd().split('\n');
  const points = rest
    .join('\n')
    .split(/^- /m)
    .map((point) =>
      point
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    )
    .filter((point) => point !== '');
  return [
    sanitise(title),
    ...points.flatMap((point) =>
      wrap(sanitise(point), Math.max(1, columns - 2)).map(
        (line, index) => `${index === 0 ? '- ' : '  '}${line}`,
      ),
    ),
  ];
}

function changesFile(): string {
  // Beside `dist/chunks`, and beside `source/console/session`.
  const isBuilt = !import.meta.url.endsWith('.ts');
  return fileURLToPath(new URL(isBuilt ? '../../CHANGELOG.md' : '../../../CHANGELOG.md', import.meta.url));
}

function changes(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new NewsUnreadError(file, error);
  }
}
