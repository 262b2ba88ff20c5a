import { setTimeout as wait } from 'node:timers/promises';
import { defineCommand, flagOr } from '../features/feature.ts';
import { countReceived } from '../redis/connection/received.ts';
import { formatBytes, formatDuration } from '../ui/format.ts';
import { safeJson } from '../ui/text.ts';
import { waitMs } from '../values.ts';
import { countNeeds } from './needs/needs.ts';
import { makeNeedsReader } from './needs/read-needs.ts';
import {
  astray,
  chosenFeatures,
  conditionOn,
  doubtOf,
  failIfFlag,
  paneFlag,
  takeSnapshot,
} from './snapshot.ts';
import { warnOfMissing, warnOfServer } from './unreachable.ts';

/** What must differ to be a change: that a lock has no TTL is one, that it has a second less is none. */
function withoutClocks(value: unknown, clocks: readonly string[] = []): string {
  return JSON.stringify(value, (field, each: unknown) =>
    typeof each === 'number' && clocks.includes(field) ? 0 : each,
  );
}

/** What looks may take of a server, whatever is stored there: after a large one the next comes later. */
const bytesPerMs = 1000;

/** Watches the whole: a line for each part that changed, until stopped or `--fail-if` holds. */
export const watchCommand = defineCommand({
  verb: 'watch',
  summary: 'print what changes, as NDJSON `{at, pane, value}`',
  flags: {
    pane: paneFlag,
    every: flagOr('DURATION', 'how often to look', waitMs, '1s'),
    failIf: failIfFlag,
  },
  writes: false,
  partial: true,
  examples: ["quarterdeck watch --pane ship --fail-if 'ship.state == stalled'"],
  async run(context, { pane, every, failIf }) {
    const chosen = await chosenFeatures(pane);
    const condition = failIf === undefined ? undefined : conditionOn(chosen, failIf);
    let isAstray = false;
    let doubted: string | undefined;
    let wasMissing = false;
    warnOfServer(context, chosen);
    const seen = new Map<string, string>();
    const reader = condition?.noun === 'needs' ? makeNeedsReader(chosen, context.config) : undefined;
    const counts = context.connections.map(({ ask }) => countReceived(ask));
    let isSlowed = false;
    for (;;) {
      const before = counts.map((count) => count());
      const snapshot = await takeSnapshot(context, chosen);
      if (reader) Object.assign(snapshot, { needs: countNeeds(await reader.read(context)) });
      const isMissing = context.connections.some(({ state }) => state().name !== 'live');
      if (isMissing && !wasMissing) warnOfMissing(context);
      wasMissing = isMissing;
      for (const { noun, clocks } of chosen) {
        const failure = snapshot.failed?.[noun];
        const text = failure ? `failed: ${failure.message}` : withoutClocks(snapshot[noun], clocks);
        if (seen.get(noun) === text) continue;
        seen.set(noun, text);
        if (failure) context.warn(`Without ${noun}: ${failure.message}`);
        const error = failure && { code: failure.code, message: failure.message };
        const line = { at: snapshot.at, pane: noun, value: snapshot[noun], ...(error && { error }) };
        await context.emit(line, safeJson(line));
      }
      if (!isAstray && condition?.isAstray(snapshot)) {
        isAstray = true;
        context.warn(astray(condition));
      }
      const doubt = condition && doubtOf(condition, snapshot);
      if (doubt !== undefined && doubt !== doubted) context.warn(doubt);
      doubted = doubt;
      if (condition?.holds(snapshot)) {
        context.warn(`${condition.text} holds`);
        return { text: '', exitCode: 1 };
      }
      const bytes = Math.max(0, ...counts.map((count, index) => count() - (before[index] ?? 0)));
      const pauseMs = Math.max(every, bytes / bytesPerMs);
      if (pauseMs > every && !isSlowed)
        context.warn(
          `A look takes ${formatBytes(bytes)} of the server: the next ones come every ${formatDuration(pauseMs)}, not every ${formatDuration(every)}`,
        );
      isSlowed = pauseMs > every;
      await wait(pauseMs, undefined, { signal: context.signal });
    }
  },
});
