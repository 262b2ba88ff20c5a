import { randomUUID } from 'node:crypto';
import { shellWord } from '../../../shell-word.ts';
import { counted, formatCount } from '../../../ui/format.ts';
import { folderAt } from '../copy/base.ts';
import type { Removal } from '../copy/copy.ts';
import type { RunnerOptions } from '../options.ts';
import { type Halt, type TargetRecord, takeResumption } from '../record.ts';
import { resumeFlags } from '../state.ts';
import { adopt } from './base-watch.ts';
import { defaultCeiling, excessOf, highsWith, isWithin, peakOf } from './ceiling.ts';
import type { TargetMemory } from './target-memory.ts';

/** What decides over a removal besides its size. */
type Base = {
  /** Whether the base is the folder that the target was filled from, and the target has its marker. */
  readonly areEndsSure: () => Promise<boolean>;
  /** Everything is to be compared. */
  readonly needFull: () => void;
};

/** What may be removed at the target: within a ceiling at once, above it when an operator said so. */
export class Removals {
  readonly #memory: TargetMemory;
  readonly #options: RunnerOptions;
  readonly #base: Base;
  /** An operator said that so many files may be removed by the next comparison. */
  #permitted: number | undefined;
  /** The comparison that goes on removes what somebody allowed. */
  #isAllowed = false;

  constructor(memory: TargetMemory, options: RunnerOptions, base: Base) {
    this.#memory = memory;
    this.#options = options;
    this.#base = base;
  }

  /** Whether a batch may remove so much now; where it is too much for it, a comparison of everything decides. */
  async mayBatch(removal: Removal): Promise<boolean> {
    const { maxDelete: ceiling = defaultCeiling } = this.#options;
    const { known, highs } = this.#memory.record;
    const peak = peakOf(highs, Date.now());
    const may = known !== undefined && isWithin(removal.files, { ceiling, known, peak });
    if (may && (await this.#base.areEndsSure())) return true;
    this.#base.needFull();
    return false;
  }

  /** Whether a comparison of everything may remove so much; where it may not, the target is halted. */
  async mayWhole({ whole, ...removal }: Removal): Promise<boolean> {
    const { maxDelete: ceiling = defaultCeiling, base, target, onTrouble } = this.#options;
    if (whole === undefined || !(await this.#base.areEndsSure())) {
      this.#base.needFull();
      return false;
    }
    const peak = peakOf(this.#memory.record.highs, Date.now());
    const excess = excessOf({ ...removal, whole }, { ceiling, peak });
    if (excess && (this.#permitted === undefined || removal.files > this.#permitted)) {
      const { would, of, most } = excess;
      const what =
        excess.reason === 'base-empty'
          ? `${base} holds no file`
          : `more are gone from ${base} than the ${formatCount(most)} that may be removed within a day`;
      const message = `${formatCount(would)} of ${counted(of, 'file')} would be removed at ${target}: ${what}. New and changed files are copied, nothing is removed until somebody allows it`;
      await this.halt({ ...excess, message, sample: [...removal.sample] });
      return false;
    }
    this.#isAllowed = excess !== undefined;
    this.#permitted = undefined;
    if (this.#memory.record.halted) {
      onTrouble(`Nothing is in the way of removing at ${target} any more`);
      await this.#memory.remember({ halted: null });
    }
    return true;
  }

  /** What is known of the number of files at the target, after a batch or a comparison. */
  counted(before: number, now: number): Pick<TargetRecord, 'known' | 'highs'> {
    // What somebody allowed is the measure from now on.
    const [highs, counts] = this.#isAllowed ? [[], [now]] : [this.#memory.record.highs, [before, now]];
    this.#isAllowed = false;
    return { known: now, highs: highsWith(highs, counts, Date.now()) };
  }

  /** Says once why the target stands still; its figures follow. */
  async halt(news: Omit<Halt, 'sinceMs' | 'token'>): Promise<void> {
    const { base, target, onTrouble, onEvent } = this.#options;
    const before = this.#memory.record.halted;
    const isSame = before?.reason === news.reason;
    const halted = { ...(isSame ? before : { sinceMs: Date.now(), token: randomUUID() }), ...news };
    if (JSON.stringify(halted) !== JSON.stringify(before)) await this.#memory.remember({ halted });
    if (isSame) return;
    const mayResume = resumeFlags(halted) !== undefined;
    const command = `quarterdeck sync resume ${shellWord(base)} ${shellWord(target)} ${resumeFlags(halted)} --yes`;
    onTrouble(`Halted: ${news.message}${mayResume ? `. To go on as it is: \`${command}\`` : ''}`);
    await onEvent({ halted });
  }

  /** Goes on as an operator said, if one did. */
  async takeResumption(): Promise<void> {
    const { channel, base, target, onTrouble, onEvent } = this.#options;
    const { halted } = this.#memory.record;
    if (!halted) return;
    const said = await this.#memory.ride(() =>
      takeResumption(this.#memory.redis, channel, target, halted.token),
    );
    if (!said || halted.reason === 'target-missing' || (halted.reason === 'base-replaced' && !said.adopt))
      return;
    this.#permitted = said.deletes ?? undefined;
    this.#base.needFull();
    const identity = said.adopt ? await adopt(await folderAt(base)) : {};
    await this.#memory.remember({ base, halted: null, ...identity });
    const may = said.deletes === null ? '' : `, and may remove ${counted(said.deletes, 'file')} once`;
    onTrouble(`Resumed: ${target} goes on${may}`);
    await onEvent({ resumed: { deletes: said.deletes, adopted: said.adopt } });
  }
}
