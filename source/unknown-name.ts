import { QuarterdeckError } from './errors.ts';
import { nearest } from './nearest.ts';

/** Nothing is called so: told apart from a thing that is there and empty. The hint names the nearest known name. */
export class UnknownNameError extends QuarterdeckError {
  /**
   * @param noun the feature's noun, which the code begins with: `log` gives `LOG_UNKNOWN`
   * @param what what it would be, such as `log`, `series`
   * @param known the names there are
   * @param meant which of them was probably meant
   */
  constructor(
    noun: string,
    what: string,
    name: string,
    known: readonly string[],
    meant = nearest(name, known),
  ) {
    super('data', `${noun.toUpperCase()}_UNKNOWN`, `There is no ${what} \`${name}\``, {
      hint:
        meant === undefined
          ? `\`quarterdeck ${noun} list\` shows ${known.length === 0 ? 'that there is none' : 'what there is'}`
          : `Did you mean \`${meant}\`? \`quarterdeck ${noun} list\` shows all`,
    });
  }
}
