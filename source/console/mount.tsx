import { type Instance, render, useInput, usePaste } from 'ink';
import type { ReactNode } from 'react';
import type { CommandTable } from '../commands/palette.ts';
import type { Config } from '../config.ts';
import type { AnyFeature } from '../features/index.ts';
import type { View } from '../store/store.ts';
import { StoreContext } from '../store/use-store.ts';
import type { ConsoleLog } from './console-log.ts';
import { keysOf } from './input/key-names.ts';
import type { Keyboard } from './input/keyboard.ts';
import type { PacedStore } from './paced-store.ts';
import type { Terminal } from './terminal/terminal.ts';
import { App, type LoadedFeature } from './view/app.tsx';

export type MountOptions = {
  readonly terminal: Terminal;
  readonly shown: PacedStore;
  readonly loaded: readonly LoadedFeature[];
  readonly context: Config['context'];
  readonly table: () => CommandTable;
  readonly views: () => readonly View[];
  readonly keyboard: Keyboard;
  readonly log?: ConsoleLog | undefined;
};

export type Mounted = {
  /** Rejects when React or Ink gave up. */
  readonly exited: Promise<unknown>;
  /** Paints everything anew, as after a change of the theme. */
  repaint(): void;
  unmount(): void;
};

/** Imports every pane. */
export async function loadPanes(features: readonly AnyFeature[]): Promise<readonly LoadedFeature[]> {
  return await Promise.all(features.map(async (feature) => ({ feature, Pane: await feature.pane() })));
}

export function mount(options: MountOptions): Mounted {
  const { terminal, shown, loaded, context, table, views, keyboard, log } = options;
  let version = 0;
  const tree = (): ReactNode => (
    <StoreContext value={shown}>
      <Input keyboard={keyboard} onHandled={shown.publish} />
      <App key={version} loaded={loaded} context={context} table={table} views={views} />
    </StoreContext>
  );
  const instance = start(tree(), terminal, log);
  return {
    exited: instance.waitUntilExit(),
    repaint() {
      version += 1;
      instance.rerender(tree());
    },
    unmount: () => instance.unmount(),
  };
}

type InputProps = { readonly keyboard: Keyboard; readonly onHandled: () => void };

/** Takes keys as `mount` does, and paints nothing. */
export function mountKeys({
  terminal,
  keyboard,
  onHandled,
}: { readonly terminal: Terminal } & InputProps): Mounted {
  const instance = start(<Input keyboard={keyboard} onHandled={onHandled} />, terminal);
  return {
    exited: instance.waitUntilExit(),
    repaint() {},
    unmount: () => instance.unmount(),
  };
}

function start(tree: ReactNode, { stdin, screen }: Terminal, log?: ConsoleLog): Instance {
  return render(tree, {
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout: screen as unknown as NodeJS.WriteStream,
    // Ink hands over every frame whole, at once; the screen finds out what differs, and the store sets the pace.
    debug: true,
    interactive: true,
    isScreenReaderEnabled: false,
    exitOnCtrlC: false,
    patchConsole: false,
    ...(log && {
      onRender: ({ renderTime }) => log.write({ event: 'frame', renderMs: Math.round(renderTime * 10) / 10 }),
    }),
  });
}

/** The one place where keys come in. What they changed is painted at once. */
function Input({ keyboard, onHandled }: InputProps): ReactNode {
  useInput((input, key) => {
    keyboard.press(keysOf(input, key));
    onHandled();
  });
  usePaste((text) => {
    keyboard.paste(text);
    onHandled();
  });
  return null;
}
