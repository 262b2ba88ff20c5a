import { QuarterdeckError } from './errors.ts';
import { nearest } from './nearest.ts';

/** Nothing is called so: told apart from a thing that is there and empty. The hint names the nearest known name. */
export class UnknownNameError extends QuarterdeckError {
  /**
   * @param noun the feature's noun, which the code begins with: `log` gives `LOG_UNKNOWN`
   * @param what what it would be, such as `log`, `subscriber of news`
   * @param known the names there are
   * @param options.meant which of them was probably meant; the nearest one unless given
   * @param options.listedBy the command that shows them, without `quarterdeck`; `NOUN list` unless given
   */
  constructor(
    noun: string,
    what: string,
    name: string,
    known: readonly string[],
    {
      meant = nearest(name, known),
      listedBy = `${noun} list`,
    }: { readonly meant?: string | undefined; readonly listedBy?: string } = {},
  ) {
    super('data', `${noun.toUpperCase()}_UNKNOWN`, `There is no ${what} \`${name}\``, {
      hint:
        meant === undefined
          ? `\`quarterdeck ${listedBy}\` shows ${known.length === 0 ? 'that there is none' : 'what there is'}`
          : `Did you mean \`${meant}\`? \`quarterdeck ${listedBy}\` shows all`,
    });
  }
}
