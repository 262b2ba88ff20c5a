import type { Generation } from './generation.ts';
import { digestOf, type FileId, lastingId, longestHeadBytes } from './identity.ts';
import type { RawPath } from './raw-path.ts';
import type { Stream } from './stream.ts';

/** All generations of all streams, found by identity, by place and by how they begin. */
export class Known {
  readonly #owners = new Map<Generation, Stream>();
  readonly #byId = new Map<string, Generation>();
  readonly #byPath = new Map<RawPath, Generation>();
  readonly #byHead = new Map<string, Set<Generation>>();
  readonly #headOf = new Map<Generation, string>();
  readonly #displaced = new Set<Generation>();

  /** Some generation has no place. */
  get hasDisplaced(): boolean {
    return this.#displaced.size > 0;
  }

  add(generation: Generation, stream: Stream): void {
    this.#owners.set(generation, stream);
    for (const key of keysOf(generation.id)) this.#byId.set(key, generation);
    if (generation.path === undefined) this.#displaced.add(generation);
    else this.#byPath.set(generation.path, generation);
    this.headChanged(generation);
  }

  remove(generation: Generation): void {
    this.displace(generation);
    this.forgetId(generation);
    this.#displaced.delete(generation);
    this.#owners.delete(generation);
    this.#byHead.get(this.#headOf.get(generation) ?? '')?.delete(generation);
    this.#headOf.delete(generation);
  }

  ownerOf(generation: Generation | undefined): Stream | undefined {
    return generation && this.#owners.get(generation);
  }

  find(id: FileId): Generation | undefined {
    const [device, inode] = id.split(':');
    for (const key of [...keysOf(id), `legacy ${device}:${inode}`]) {
      const generation = this.#byId.get(key);
      if (generation) return generation;
    }
  }

  at(path: RawPath): Generation | undefined {
    return this.#byPath.get(path);
  }

  /** It lies in this file now. */
  place(generation: Generation, { id, path }: { readonly id: FileId; readonly path: RawPath }): void {
    this.displace(generation);
    this.forgetId(generation);
    generation.id = id;
    generation.path = path;
    generation.lastPath = path;
    this.#displaced.delete(generation);
    this.#byPath.set(path, generation);
    for (const key of keysOf(id)) this.#byId.set(key, generation);
  }

  /** No name leads to it any more. */
  displace(generation: Generation): void {
    if (generation.path !== undefined && this.#byPath.get(generation.path) === generation) {
      this.#byPath.delete(generation.path);
    }
    generation.path = undefined;
    this.#displaced.add(generation);
  }

  /** The file that held it holds something else now. */
  forgetId(generation: Generation): void {
    for (const key of keysOf(generation.id)) {
      if (this.#byId.get(key) === generation) this.#byId.delete(key);
    }
    generation.id = '';
  }

  headChanged(generation: Generation): void {
    const { bytes, digest } = generation.head;
    const key = `${bytes}:${digest}`;
    const before = this.#headOf.get(generation);
    if (before === key) return;
    if (before !== undefined) this.#byHead.get(before)?.delete(generation);
    this.#headOf.set(generation, key);
    const same = this.#byHead.get(key);
    if (same) same.add(generation);
    else this.#byHead.set(key, new Set([generation]));
  }

  /** Generations that begin as this file does, as far as they are known. */
  *beginningAs(begin: Buffer): Generator<Generation, void, undefined> {
    for (let rung = 1; rung <= Math.min(begin.length, longestHeadBytes); rung *= 2) {
      yield* this.#byHead.get(`${rung}:${digestOf(begin.subarray(0, rung))}`) ?? [];
    }
  }
}

/** By what a generation is found: all of its identity and what lasts of it, or what older records have of it. */
function keysOf(id: FileId): readonly string[] {
  const [device, inode, birth] = id.split(':');
  if (inode === undefined) return [];
  if (birth === undefined) return [`legacy ${device}:${inode}`];
  const lasting = lastingId(id);
  return lasting === undefined ? [id] : [id, `lasting ${lasting}`];
}
