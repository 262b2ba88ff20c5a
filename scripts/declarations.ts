import { globSync, rmSync, writeFileSync } from 'node:fs';
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
 * Removes the declarations that no export of an entry names, by however many steps: the compiler emits all of each file
 * of the program, of which the surface needs some.
 * @throws {Error} when a declaration names a file that is not there
 */
export function keepReachable(folder: string, entries: readonly string[]): void {
  const kept = withDeclarations(folder, (program, _, root) => {
    const files = new Map<string, DeclarationFile>();
    const open = (name: string): DeclarationFile => {
      const known = files.get(name);
      if (known) return known;
      const source = program.getSourceFile(path.join(root, name));
      if (!source) throw new Error(`${name} is named by a declaration, and is not there`);
      const file = new DeclarationFile(name, source);
      files.set(name, file);
      return file;
    };
    const waiting: Needed[] = entries.map((entry) => ({ file: `${entry}.d.ts`, name: all }));
    for (let next = waiting.pop(); next; next = waiting.pop())
      waiting.push(...open(next.file).need(next.name));
    return Array.from(files.values(), (file) => [file.name, file.text()] as const);
  });
  const texts = new Map(kept);
  for (const name of globSync('**/*.d.ts', { cwd: folder })) {
    const text = texts.get(name);
    if (text === undefined) rmSync(path.join(folder, name));
    else writeFileSync(path.join(folder, name), text);
  }
}

type Needed = { readonly file: string; readonly name: string };

/** All exports of a file. */
const all = '*';

type Specifier = { readonly written: string; readonly theirs: string; readonly ours: string };

/** What a statement of a declaration file is: it declares, imports, or exports what another file has. */
type Part = {
  readonly text: string;
  readonly code: string;
  readonly names: readonly string[];
  readonly from: string | undefined;
  readonly specifiers: readonly Specifier[];
  isNeeded: boolean;
};

const comments = /\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm;
const declared =
  /^(?:export )?(?:declare )?(?:abstract )?(?:const|let|function|class|interface|type|enum|namespace) (\w+)/;

class DeclarationFile {
  readonly name: string;
  readonly #parts: readonly Part[];
  readonly #needed = new Set<string>();

  constructor(name: string, source: SourceFile) {
    this.name = name;
    this.#parts = source.statements.map((statement) => {
      const text = source.text.slice(statement.pos, statement.end);
      const code = text.replaceAll(comments, '').trim();
      const from = /^(?:import|export)\b[^'"]*\bfrom ['"]([^'"]+)['"]/.exec(code)?.[1];
      const list = /^(?:import|export)(?: type)? \{([^}]*)\}/.exec(code)?.[1]?.split(',') ?? [];
      const specifiers = list.flatMap((item) => {
        const [, theirs, ours = theirs] = /^\s*(?:type )?(\w+)(?: as (\w+))?\s*$/.exec(item) ?? [];
        return theirs !== undefined && ours !== undefined ? [{ written: item.trim(), theirs, ours }] : [];
      });
      const whole = /^(?:import|export)(?: type)? \* as (\w+)/.exec(code)?.[1] ?? declared.exec(code)?.[1];
      const names = [...specifiers.map(({ ours }) => ours), ...(whole === undefined ? [] : [whole])];
      return { text, code, names, from, specifiers, isNeeded: false };
    });
  }

  /** What else is needed with a name of this file. */
  need(name: string): readonly Needed[] {
    if (this.#needed.has(name)) return [];
    this.#needed.add(name);
    const isMeant = (part: Part): boolean =>
      part.names.includes(name) ||
      (name === all ? part.code.startsWith('export') : /^export \*(?! as)/.test(part.code));
    return this.#parts.filter(isMeant).flatMap((part) => {
      part.isNeeded = true;
      return this.#behind(part, name);
    });
  }

  /** The file as far as it is needed. */
  text(): string {
    const parts = this.#parts.flatMap(({ text, code, specifiers, isNeeded }) => {
      if (code === 'export {};') return [text];
      if (!isNeeded) return [];
      const isWhole = this.#needed.has(all) && code.startsWith('export');
      const left = specifiers.filter(({ ours }) => isWhole || this.#needed.has(ours));
      if (left.length === specifiers.length) return [text];
      return [`\n${code.replace(/\{[^}]*\}/, `{ ${left.map(({ written }) => written).join(', ')} }`)}`];
    });
    return `${parts.join('').trimStart()}\n`;
  }

  #behind({ code, from, specifiers }: Part, name: string): readonly Needed[] {
    if (from !== undefined) {
      const file = this.#fileOf(from);
      if (file === undefined) return [];
      if (specifiers.length === 0) return [{ file, name: /^export \*(?! as)/.test(code) ? name : all }];
      const meant = specifiers.filter(({ ours }) => name === all || ours === name);
      return meant.map(({ theirs }) => ({ file, name: theirs }));
    }
    const inline = Array.from(code.matchAll(/\bimport\(['"](\.[^'"]+)['"]\)(?:\.(\w+))?/g)).flatMap(
      ([, target = '', one = all]) => {
        const file = this.#fileOf(target);
        return file === undefined ? [] : [{ file, name: one }];
      },
    );
    const words = new Set(code.match(/[A-Za-z_$][\w$]*/g));
    const own = this.#parts.flatMap(({ names }) => names.filter((one) => words.has(one)));
    return [...inline, ...own.map((one) => ({ file: this.name, name: one }))];
  }

  #fileOf(target: string): string | undefined {
    if (!target.startsWith('.')) return undefined;
    return path.join(path.dirname(this.name), target.replace(/\.[jt]sx?$/, '.d.ts'));
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
