/**
 * A path as a text with one character for each byte: names on disk need not be UTF-8, and a text is a key of a Map.
 * Only what the system is asked for is turned into bytes again.
 */
export type RawPath = string & { readonly raw: unique symbol };

export function rawOf(path: string | Buffer): RawPath {
  return (typeof path === 'string' ? Buffer.from(path) : path).toString('latin1') as RawPath;
}

export function bytesOf(path: RawPath): Buffer {
  return Buffer.from(path, 'latin1');
}

export function joinRaw(folder: RawPath, name: RawPath): RawPath {
  return (folder === '/' ? `/${name}` : `${folder}/${name}`) as RawPath;
}

export function folderOf(path: RawPath): RawPath {
  const at = path.lastIndexOf('/');
  return (at <= 0 ? '/' : path.slice(0, at)) as RawPath;
}

export function baseOf(path: RawPath): RawPath {
  return path.slice(path.lastIndexOf('/') + 1) as RawPath;
}
