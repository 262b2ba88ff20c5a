import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Redis } from 'ioredis';
import { type ConsumeOptions, consume } from '../../source/features/ship/consumer/consume.ts';
import { OutDirectory } from '../../source/features/ship/consumer/out.ts';
import type { Client } from '../../source/redis/client.ts';
import type { RedisServer } from '../helpers/redis-server.ts';

/** A directory of its own, gone with `dispose`. */
export class Scratch implements Disposable {
  readonly path = mkdtempSync(path.join(tmpdir(), 'quarterdeck-ship-'));

  /** Writes files below `name`; a content that is a number becomes so many bytes of log lines. */
  files(name: string, contents: Readonly<Record<string, string | Buffer | number>>): string {
    for (const [file, content] of Object.entries(contents)) {
      const at = path.join(this.path, name, file);
      mkdirSync(path.dirname(at), { recursive: true });
      writeFileSync(at, typeof content === 'number' ? logLines(content) : content);
    }
    mkdirSync(path.join(this.path, name), { recursive: true });
    return path.join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** So many bytes of log lines, the last one perhaps without its end; no two lines are alike. */
export function logLines(bytes: number, seed = 1): Buffer {
  const lines: string[] = [];
  let length = 0;
  for (let number = 0; length < bytes; number += 1) {
    const line = `2026-01-17T10:00:00.000Z host-${seed} app[${number}]: request ${number * 7919} took ${number % 977} ms\n`;
    lines.push(line);
    length += line.length;
  }
  return Buffer.from(lines.join('').slice(0, bytes));
}

/** Every file below a directory by its relative name, as text that keeps every byte. */
export function readTree(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const file = path.join(entry.parentPath, entry.name);
        return [path.relative(directory, file), readFileSync(file, 'latin1')] as const;
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Consumes into a directory; resolves to the names of the parts in the order of their arrival. */
export async function copyTo(
  server: RedisServer,
  directory: string,
  options: ConsumeOptions & { channel?: string },
): Promise<string[]> {
  const listening = server.client();
  return await copyInto(server.client(), directory, { listen: () => listening, ...options });
}

export async function copyInto(
  redis: Client,
  directory: string,
  options: ConsumeOptions & { channel?: string },
): Promise<string[]> {
  const out = new OutDirectory(directory);
  const parts: string[] = [];
  mkdirSync(directory, { recursive: true });
  try {
    for await (const delivery of consume(redis, options.channel ?? 'logs:', options)) {
      await out.write(delivery);
      parts.push(delivery.part);
    }
  } finally {
    await out.close();
  }
  return parts;
}

/** Consumes lines, each with the name of its file. */
export async function readLines(
  redis: Redis,
  options: ConsumeOptions & { channel?: string },
): Promise<[file: string, line: string][]> {
  const found: [string, string][] = [];
  for await (const delivery of consume(redis, options.channel ?? 'logs:', options)) {
    for await (const { lines } of delivery.lines()) {
      for (const line of lines) found.push([delivery.file, line.toString('latin1')]);
    }
  }
  return found;
}
