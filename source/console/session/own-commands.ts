import type { AnyCommand } from '../../commands/run-command.ts';
import type { Config } from '../../config.ts';
import type { AnyFeature } from '../../features/index.ts';
import { defaultFile, writeFrame } from '../../frames/frame-file.ts';
import type { Store } from '../../store/store.ts';
import { frameCells } from '../../ui/frame-cells.ts';
import type { AppearanceControl } from '../appearance.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { makeClipboard } from './clipboard.ts';
import { currentFrame, type Looking } from './current-frame.ts';
import { discoveryCommands } from './discovery-commands.ts';
import { listCommands } from './list-commands.ts';
import { lookCommands } from './look-commands.ts';
import { newsCommand } from './news-command.ts';

export type OwnOptions = {
  readonly store: Store;
  readonly features: readonly AnyFeature[];
  readonly config: Config;
  readonly terminal: Terminal;
  readonly appearance: AppearanceControl;
  readonly repaint: () => void;
  /** Asks this feature's feed at once. */
  readonly refresh: (noun: string) => void;
};

/** The commands that only an open console has, by name. */
export function ownCommands(options: OwnOptions): Readonly<Record<string, AnyCommand>> {
  const { store, features, config, terminal, appearance, repaint, refresh } = options;
  const looking: Looking = {
    store,
    features,
    lines: () => terminal.screen.lines(),
    background: () => appearance.background,
  };
  const clipboard = makeClipboard({
    config,
    send: (sequence) => terminal.send(sequence),
    save: (text) =>
      writeFrame(defaultFile(config.stateDirectory, 'text', currentFrame(looking)), `${text}\n`),
  });
  const shareWith = (): AnyCommand | undefined =>
    features.find(({ noun }) => noun === 'chat')?.commands.find(({ verb }) => verb === 'share');
  return {
    ...lookCommands({ looking, clipboard, appearance, repaint, shareWith }),
    ...discoveryCommands(features, refresh),
    ...listCommands({ store, features }),
    news: newsCommand(() => store.getState().screen.columns - frameCells.columns),
  };
}
