import type { Redis } from 'ioredis';
import { refusalSort } from '../refusals.ts';
import { parseInfo } from '../server/parse-info.ts';

type Done = (error: Error | null, info?: Readonly<Record<string, string>>) => void;

const longestLoadingMs = 10_000;

/**
 * Waits until the server has loaded its data, as the ready check of ioredis does, without two of its faults: where a
 * user may not call INFO it prints a warning on stderr, and where INFO does not exist it is never ready.
 */
export function quietReadyCheck(client: Redis, onLoading: (refusal: Error) => void): Redis {
  let isDenied = false;
  const check = (done: Done): void => {
    if (isDenied) {
      done(null, {});
      return;
    }
    client.info().then(
      (text) => {
        const info = parseInfo(text);
        if (info.loading !== '1') {
          done(null, info);
          return;
        }
        onLoading(loading());
        const leftMs = Number(info.loading_eta_seconds || 1) * 1000;
        setTimeout(() => check(done), Math.min(leftMs, longestLoadingMs)).unref();
      },
      (error: Error) => {
        isDenied = refusalSort(error) === 'lasting';
        if (isDenied) done(null, {});
        else done(error);
      },
    );
  };
  // It is private to ioredis, and there is no other way to its place in the handshake.
  Reflect.set(client, '_readyCheck', check);
  return client;
}

/** What the server itself says to any other command. */
function loading(): Error {
  return Object.assign(new Error('LOADING Redis is loading the dataset in memory'), { name: 'ReplyError' });
}
