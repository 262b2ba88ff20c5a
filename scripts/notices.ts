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
  return Array.from(folders, describe).sort((one, other) => one.name.localeCompare(other.name, 'en'));
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

/** What `dist/LICENSES.txt` says: a bundle has to carry the notices of what it holds. */
export function noticesOf(packages: readonly Bundled[]): string {
  const parts = packages.map(({ name, version, license, author, texts }) => {
    const by = author === undefined ? '' : `, by ${author}`;
    const text =
      texts.join('\n\n') || `Published under the licence ${license}${by}; it ships no licence file.`;
    return `${'-'.repeat(72)}\n${name} ${version} (${license})\n\n${text}`;
  });
  return `Quarterdeck's built files contain the following packages.\n\n${parts.join('\n\n')}\n`;
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
  return `${JSON.stringify(bom, null, 2)}\n`;
}
