import { writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { SymbolFlags } from 'typescript/unstable/sync';
import { withDeclarations } from './declarations.ts';

// node scripts/api-report.ts [FOLDER [FILE]]: the public surface of every entry as one page, from its emitted types.
// A change of the library is then a change of this page, seen in review.

/** The declarations of all entries, by name; comments are left out, deprecated ones are said to be. */
export function apiReport(folder: string, modules: readonly string[]): string {
  return withDeclarations(folder, (program, checker, root) => {
    const part = (heading: string, file: string): string => {
      const source = program.getSourceFile(path.join(root, file));
      const module = source && checker.getSymbolAtLocation(source);
      if (!module) throw new Error(`${file} has no exports`);
      const lines = [...checker.getExportsOfModule(module)]
        .sort((one, other) => (one.name < other.name ? -1 : 1))
        .flatMap((exported) => {
          const symbol = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
          if (symbol.flags & SymbolFlags.ValueModule) return [`namespace ${exported.name}`];
          const isDeprecated = exported.getJsDocTags(checker).some(({ name }) => name === 'deprecated');
          const isAlias = symbol !== exported;
          return symbol.declarations.map((handle) => {
            const node = handle.resolve();
            const declaring = node && program.getSourceFile(handle.path);
            if (!node || !declaring) throw new Error(`${exported.name} has no declaration`);
            const whole = declaring.text.slice(node.pos, node.end);
            const text = bare(whole);
            // Of several declarations of one name each is deprecated by its own comment.
            const [comment] = /^\s*\/\*\*[\s\S]*?\*\//.exec(whole) ?? [];
            const isOld = isAlias || comment === undefined ? isDeprecated : /@deprecated/.test(comment);
            const named = symbol.name === exported.name ? '' : `// as ${exported.name}\n`;
            return `${isOld ? '// deprecated\n' : ''}${named}${text}`;
          });
        });
      return `## ${heading}\n\n\`\`\`ts\n${lines.join('\n')}\n\`\`\`\n`;
    };
    return [
      '# The public surface\n\nWritten by `npm run api`; not to be edited.\n',
      part('quarterdeck', 'index.d.ts'),
      ...modules.map((noun) => part(`quarterdeck/${noun}`, `features/${noun}/library.d.ts`)),
    ].join('\n');
  });
}

function bare(text: string): string {
  return text
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/^\s*\/\/.*$/gm, '')
    .replaceAll(/^(\s*)(export |declare )+/gm, '$1')
    .replaceAll(/^\s*(private [\w#]+|#private);\n/gm, '')
    .replaceAll(/\n\s*\n/g, '\n')
    .trim();
}

export const modules = ['buffer', 'chat', 'hits', 'limit', 'lock', 'log', 'shards', 'ship', 'sync', 'topic'];

if (import.meta.main) {
  const [folder = 'dist/types', file = 'docs/api/quarterdeck.api.md'] = process.argv.slice(2);
  writeFileSync(file, apiReport(folder, modules));
}
