import { isPassing, rideOut } from '../../../redis/refusals.ts';

export type RideOptions = {
  readonly signal: AbortSignal;
  /** How long refusals that pass are ridden out; without limit unless given. */
  readonly timeoutMs?: number | undefined;
  /** Called with the first refusal of each such time. */
  readonly onRefused?: ((refusal: unknown) => void) | undefined;
};

/** Does something that may be done twice, again for as long as the server refuses it with what passes by itself. */
export type Ride = <Result>(act: () => Promise<Result>) => Promise<Result>;

/** How one session rides out refusals: once they lasted too long, what is left to be put in order is tried once. */
export function makeRide({ signal, timeoutMs, onRefused }: RideOptions): Ride {
  let hasGivenUp = false;
  let isRefused = false;
  return async (act) => {
    try {
      const result = await rideOut(act, {
        signal,
        ...(timeoutMs !== undefined && { timeoutMs }),
        ...(hasGivenUp && { timeoutMs: 0 }),
        onWait(refusal) {
          if (!isRefused) onRefused?.(refusal);
          isRefused = true;
        },
      });
      isRefused = false;
      return result;
    } catch (error) {
      hasGivenUp ||= isPassing(error);
      throw error;
    }
  };
}
