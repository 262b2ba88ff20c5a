import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isTypeAliasDeclaration, type SourceFile, type Statement } from 'typescript/unstable/ast';
import { API, type Checker, NodeBuilderFlags, type Program } from 'typescript/unstable/sync';

/** The emitted declarations, as the compiler understands them. */
export function withDeclarations<Result>(
  folder: string,
  look: (program: Program, checker: Checker, root: string) => Result,
): Result {
  const root = path.resolve(folder);
  const config = path.join(root, 'tsconfig.json');
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable', 'esnext.iterator'],
    strict: true,
    exactOptionalPropertyTypes: true,
    types: ['node'],
    noEmit: true,
  };
  writeFileSync(config, JSON.stringify({ compilerOptions, include: ['**/*.d.ts'] }));
  const api = new API({ cwd: root });
  try {
    const project = api.updateSnapshot({ openProject: config }).getProject(config);
    if (!project) throw new Error(`no project in ${root}`);
    return look(project.program, project.checker, root);
  } finally {
    api.close();
    rmSync(config);
  }
}

/**
 * Writes the types that are inferred from schemas out: the schema library is bundled, so nobody who installs us has its
 * types.
 */
export function writeOutSchemaTypes(folder: string): void {
  withDeclarations(folder, (program, checker, root) => {
    for (const name of globSync('**/*.d.ts', { cwd: root })) {
      const file = program.getSourceFile(path.join(root, name));
      if (!file || !/from 'valibot'/.test(file.text)) continue;
      const kept = file.statements.flatMap((statement) => plain(file, statement, checker) ?? []);
      writeFileSync(path.join(root, name), kept.join(''));
    }
  });
}

/**
 * Removes the declarations that no entry imports, by however many steps: the compiler emits one for each file of the
 * program, of which the surface needs some.
 * @throws {Error} when a file imports one that is not there
 */
export function keepReachable(folder: string, entries: readonly string[]): void {
  const kept = new Set<string>();
  const waiting = entries.map((entry) => `${entry}.d.ts`);
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (kept.has(name)) continue;
    kept.add(name);
    const text = readFileSync(path.join(folder, name), 'utf8');
    for (const [, target = ''] of text.matchAll(/\b(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g))
      waiting.push(path.join(path.dirname(name), target.replace(/\.[jt]sx?$/, '.d.ts')));
  }
  for (const name of globSync('**/*.d.ts', { cwd: folder })) {
    if (!kept.has(name)) rmSync(path.join(folder, name));
  }
}

function plain(file: SourceFile, statement: Statement, checker: Checker): string | undefined {
  const text = file.text.slice(statement.pos, statement.end);
  if (/from 'valibot'/.test(text)) return undefined;
  if (isTypeAliasDeclaration(statement) && /\bv\.|\btypeof\b/.test(text))
    return expanded(file, statement, checker);
  const isOwnSchema = /^\s*(\/\*\*[\s\S]*?\*\/\s*)?declare const/.test(text) && /\bv\./.test(text);
  return isOwnSchema ? undefined : text;
}

function expanded(file: SourceFile, statement: Statement, checker: Checker): string {
  const text = file.text.slice(statement.pos, statement.end);
  if (!isTypeAliasDeclaration(statement)) return text;
  const symbol = checker.getSymbolAtLocation(statement.name);
  if (!symbol) return text;
  const type = checker.getDeclaredTypeOfSymbol(symbol);
  const flags = NodeBuilderFlags.NoTruncation | NodeBuilderFlags.InTypeAlias;
  const head = text.slice(0, text.indexOf('=', statement.name.end - statement.pos) + 1);
  return `${head} ${checker.typeToString(type, undefined, flags)};`;
}
