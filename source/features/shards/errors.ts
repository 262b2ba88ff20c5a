import { QuarterdeckError } from '../../errors.ts';

/** One server of several did not answer in time; the others' answers are there. */
export class ShardDownError extends QuarterdeckError {
  readonly shard: number;

  constructor(shard: number, url: string, cause?: unknown) {
    super('connection', 'SHARD_DOWN', `Shard ${shard} at ${url} does not answer`, {
      cause,
      hint: 'Its keys are nowhere else: bring it back, or replace it from its replica under the same place in the list',
    });
    this.shard = shard;
  }
}

/** The list of URLs is not the one that the data was spread over. */
export class ShardOrderError extends QuarterdeckError {
  constructor(detail: string) {
    super('data', 'SHARD_ORDER', `The servers are not in the order their data was written with: ${detail}`, {
      hint: 'Give every --url once, in the original order, with the original --router; `quarterdeck shards status` shows each',
    });
  }
}

/** One operation over keys that live on different servers. */
export class CrossShardError extends QuarterdeckError {
  constructor(keys: readonly string[], shards: readonly number[]) {
    super('data', 'CROSS_SHARD', `${keys.join(', ')} live on different shards (${shards.join(', ')})`, {
      hint: 'Atomic operations stay on one shard: with `--router slot` a hash tag such as {name} keeps keys together',
    });
  }
}
