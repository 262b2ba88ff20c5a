import { renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import type { Config } from '../config.ts';
import { messageOf } from '../errors.ts';
import type { AnyFeature } from '../features/index.ts';
import { isOwnFolder, ownFolder } from '../own-folders.ts';
import { readOwnFile } from '../private-files.ts';
import { changeSlice, type Store, type View } from '../store/store.ts';
import { changeList, type Listed } from '../ui/list.ts';
import { safeJson } from '../ui/text.ts';
import { panesOf } from './view/views.ts';

/**
 * What the console remembers from one time to the next, for each server: the view, views that were saved, in which order
 * lists stand, and which columns they have. It lies in a state file of its own, never in the config, and may be deleted.
 * Nothing is written before something was set.
 */
export type Memory = {
  /** The view to begin with; undefined: none is remembered, or another one is asked for. */
  readonly view: View | undefined;
  readonly views: readonly View[];
  readonly orders: Remembered['orders'];
  readonly columns: Remembered['columns'];
};

const name = v.pipe(v.string(), v.minLength(1), v.maxLength(60));
const weight = v.optional(v.pipe(v.number(), v.minValue(0.1), v.maxValue(20)));
const arrangement = v.union([
  v.object({ kind: v.literal('all') }),
  v.object({
    kind: v.literal('rows'),
    rows: v.array(v.object({ weight, panes: v.array(v.object({ noun: name, weight })) })),
  }),
  v.object({ kind: v.literal('focus'), main: name, side: v.array(name) }),
]);
/** A view as it is written into files. */
export const viewSchema = v.object({ name, arrangement });
const remembered = v.object({
  /** What was asked for when it was remembered: whoever asks for something else means that. */
  asked: v.optional(v.string()),
  view: v.optional(viewSchema),
  views: v.optional(v.array(viewSchema), []),
  orders: v.optional(v.record(v.string(), v.object({ field: name, isDescending: v.boolean() })), {}),
  columns: v.optional(v.record(v.string(), v.array(name)), {}),
  atMs: v.number(),
});
const file = v.object({ servers: v.record(v.string(), v.unknown()) });

type Remembered = v.InferOutput<typeof remembered>;

const mostServers = 100;
const writeAfterMs = 300;

function fileOf(config: Config): string {
  return path.join(config.stateDirectory, 'console.json');
}

function serversIn(config: Config): Record<string, Remembered> {
  // Another user may have put there what they like.
  if (!isOwnFolder(config.stateDirectory)) return {};
  let found: unknown;
  try {
    found = JSON.parse(readOwnFile(fileOf(config)));
  } catch {
    // There is none yet, or it is spoilt: what it held is a convenience.
    return {};
  }
  const parsed = v.safeParse(file, found);
  if (!parsed.success) return {};
  return Object.fromEntries(
    Object.entries(parsed.output.servers).flatMap(([server, one]) => {
      const known = v.safeParse(remembered, one);
      return known.success ? [[server, known.output]] : [];
    }),
  );
}

function serverOf(config: Config): string {
  return config.urls.join(' ');
}

function askedOf({ view: asked, panes }: Config): string | undefined {
  return panes?.join(',') ?? asked;
}

export function recall(config: Config, nouns: readonly string[]): Memory {
  const own = serversIn(config)[serverOf(config)];
  const isKnown = ({ arrangement: one }: View): boolean => panesOf(one).every((noun) => nouns.includes(noun));
  const isSame = own?.view !== undefined && own.asked === askedOf(config) && isKnown(own.view);
  return {
    view: isSame ? own.view : undefined,
    views: (own?.views ?? []).filter(isKnown),
    orders: own?.orders ?? {},
    columns: own?.columns ?? {},
  };
}

export type KeepMemory = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly config: Config;
  /** Views that were saved by hand. */
  readonly saved: () => readonly View[];
  readonly onFailure: (text: string) => void;
};

/** Puts lists into the orders they had, and writes what changes from here on; returns what ends that. */
export function keepMemory(
  { store, features, config, saved, onFailure }: KeepMemory,
  memory: Memory,
): () => void {
  for (const { noun, list } of features) {
    const order = memory.orders[noun];
    if (order && Object.hasOwn(list.fields, order.field)) {
      // The console knows of every slice that it has a list.
      changeSlice(store, noun, (slice) => changeList(slice as Listed, { order }));
    }
  }
  for (const { noun, list } of features) {
    const columns = memory.columns[noun]?.filter((one) => list.columns?.includes(one));
    if (columns && columns.length > 0) {
      changeSlice(store, noun, (slice) => changeList(slice as Listed, { columns }));
    }
  }
  let timer: NodeJS.Timeout | undefined;
  const columnsNow = (): Remembered['columns'] =>
    Object.fromEntries(
      Object.entries(store.getState().slices).flatMap(([noun, slice]) => {
        const { columns } = (slice as Listed).list;
        return columns ? [[noun, [...columns]]] : [];
      }),
    );
  const ordersNow = (): Remembered['orders'] =>
    Object.fromEntries(
      Object.entries(store.getState().slices).flatMap(([noun, slice]) => {
        const { order } = (slice as Listed).list;
        return order ? [[noun, order]] : [];
      }),
    );
  const whole = (): string =>
    JSON.stringify({
      view: store.getState().screen.view,
      views: saved(),
      orders: ordersNow(),
      columns: columnsNow(),
    });
  let written = whole();
  const write = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const text = whole();
    if (text === written) return;
    written = text;
    try {
      const asked = askedOf(config);
      const own = { ...JSON.parse(text), ...(asked !== undefined && { asked }), atMs: Date.now() };
      // Another console may have written meanwhile.
      const servers = { ...serversIn(config), [serverOf(config)]: own };
      const kept = Object.entries(servers)
        .sort(([, a], [, b]) => b.atMs - a.atMs)
        .slice(0, mostServers);
      ownFolder(config.stateDirectory);
      const target = fileOf(config);
      const beside = `${target}.${process.pid}`;
      // One that is left of a process of that number.
      rmSync(beside, { force: true });
      writeFileSync(beside, safeJson({ servers: Object.fromEntries(kept) }), { mode: 0o600, flag: 'wx' });
      renameSync(beside, target);
    } catch (error) {
      onFailure(`What was set is not remembered: ${messageOf(error)}`);
    }
  };
  const unsubscribe = store.subscribe((state, before) => {
    const isNews = state.screen.view !== before.screen.view || state.slices !== before.slices;
    // What changed is found out then: data may come a thousand times a second.
    if (isNews) timer ??= setTimeout(write, writeAfterMs);
  });
  return () => {
    unsubscribe();
    if (timer !== undefined) write();
  };
}
