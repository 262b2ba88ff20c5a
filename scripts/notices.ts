import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Metafile } from 'esbuild';

/** A package whose code is part of what we publish. */
export type Bundled = {
  readonly name: string;
  readonly version: string;
  /** SPDX, from its package.json. */
  readonly license: string;
  readonly author: string | undefined;
  /** The texts of its licence and notice files. */
  readonly texts: readonly string[];
};

type Manifest = {
  readonly name: string;
  readonly version: string;
  readonly license?: string | { readonly type?: string };
  readonly author?: string | { readonly name?: string };
};

/**
 * The packages that ended up in the outputs of these builds, by name and version.
 * @throws {Error} for a package that names no licence: it may not be published as part of ours
 */
export function bundledPackages(builds: readonly Metafile[]): readonly Bundled[] {
  const folders = new Set<string>();
  for (const { outputs } of builds) {
    for (const { inputs } of Object.values(outputs)) {
      for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
        const folder = /^(.*node_modules[/\\](?:@[^/\\]+[/\\])?[^/\\]+)[/\\]/.exec(input)?.[1];
        if (folder !== undefined && bytesInOutput > 0) folders.add(folder);
      }
    }
  }
  // A version may lie in several folders.
  const found = new Map(Array.from(folders, describe).map((one) => [`${one.name} ${one.version}`, one]));
  return Array.from(found.values()).sort((one, other) => one.name.localeCompare(other.name, 'en'));
}

function describe(folder: string): Bundled {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
  const license = typeof manifest.license === 'string' ? manifest.license : manifest.license?.type;
  if (!license) throw new Error(`${folder} names no licence, and is part of the bundle`);
  const texts = readdirSync(folder)
    .filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
    .sort()
    .map((file) => readFileSync(path.join(folder, file), 'utf8').trim());
  const author = typeof manifest.author === 'string' ? manifest.author : manifest.author?.name;
  return { name: manifest.name, version: manifest.version, license, author, texts };
}

/**
 * What `dist/LICENSES.txt` says: a bundle has to carry the notices of what it holds. A text that several packages have
 * in common stands once, and each keeps its own lines of copyright; a licence asks for both, not for a copy of each.
 */
export function noticesOf(packages: readonly Bundled[]): string {
  const shared = Map.groupBy(
    packages.flatMap((one) => one.texts.map((text) => ({ one, ...dividedText(text) }))),
    ({ terms }) => terms,
  );
  const parts = Array.from(shared, ([terms, holders]) => {
    const heads = holders.map(({ one, copyright }) => [headOf(one), ...copyright].join('\n'));
    return `${heads.join('\n\n')}\n\n${terms}`;
  });
  const bare = packages
    .filter(({ texts }) => texts.length === 0)
    .map((one) => {
      const by = one.author === undefined ? '' : `, by ${one.author}`;
      return `${headOf(one)}\n\nPublished under the licence ${one.license}${by}; it ships no licence file.`;
    });
  const line = `\n\n${'-'.repeat(72)}\n`;
  return `Quarterdeck's built files contain the following packages.${line}${[...parts, ...bare].join(line)}\n`;
}

function headOf({ name, version, license }: Bundled): string {
  return `${name} ${version} (${license})`;
}

/** Who holds the copyright, and the terms; these with their line breaks evened out, which differ between copies. */
function dividedText(text: string): { readonly copyright: readonly string[]; readonly terms: string } {
  const lines = text.split('\n').map((line) => line.trim());
  const isCopyright = (line: string): boolean => /^(copyright|\(c\)|©)/i.test(line);
  // A long licence may speak of copyright in its own words: only a short one is divided.
  const isShort = lines.length < 40;
  const copyright = isShort ? lines.filter(isCopyright) : [];
  const rest = isShort ? lines.filter((line) => !isCopyright(line)) : lines;
  const paragraphs = rest.join('\n').split(/\n{2,}/);
  const terms = paragraphs.map((paragraph) => paragraph.trim().replaceAll(/\s*\n\s*/g, ' '));
  return { copyright, terms: terms.filter((paragraph) => paragraph !== '').join('\n\n') };
}

/** The same as a software bill of materials, CycloneDX 1.6. */
export function sbomOf(self: { name: string; version: string }, packages: readonly Bundled[]): string {
  const component = ({ name, version }: { name: string; version: string }, license: string) => {
    const [scope, bare] = name.startsWith('@') ? name.split('/') : [undefined, name];
    const purl = `pkg:npm/${scope === undefined ? '' : `${encodeURIComponent(scope)}/`}${bare}@${version}`;
    return {
      type: 'library',
      'bom-ref': purl,
      ...(scope !== undefined && { group: scope }),
      name: bare,
      version,
      licenses: [/ OR | AND |\(/.test(license) ? { expression: license } : { license: { id: license } }],
      purl,
    };
  };
  const bom = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { ...component(self, 'MIT'), type: 'application' } },
    components: packages.map((one) => component(one, one.license)),
  };
  return `${JSON.stringify(bom)}\n`;
}
