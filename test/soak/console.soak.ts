import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { create } from '../../source/features/chat/room/chat.ts';
import { send } from '../../source/features/chat/room/send.ts';
import { LogWriter } from '../../source/features/log/writer.ts';
import { publish } from '../../source/features/topic/publish.ts';
import { startRedis } from '../helpers/redis-server.ts';
import { cli, startPlay } from '../helpers/terminal.ts';

// What a console that stays open keeps in memory while a thousand messages a second come in: not what it has seen.
const minutes = Number(process.env.SOAK_MINUTES ?? 20);
const sampleMs = 2000;
const everySecond = 1000;
const mostMB = 150;
const mostGrowthMB = 5;

test.runIf(process.platform === 'linux')(
  `a console at 200x60 holds no more after ${minutes} minutes of ${everySecond} messages a second`,
  async () => {
    const server = await startRedis();
    const redis = server.client({ enableAutoPipelining: true });
    const log = new LogWriter(redis, 'web', { severity: 'error' });
    await create(redis, 'ops', ['ada', 'bob']);
    await send(redis, 'ops', 'bob', 'greetings');
    const play = startPlay({
      args: [cli, '--url', server.url, '--operator', 'ada'],
      columns: 200,
      rows: 60,
    });
    try {
      await play.shows('greetings');
      const samples: number[] = [];
      const beganMs = performance.now();
      let sent = 0;
      for (;;) {
        const elapsedMs = performance.now() - beganMs;
        if (elapsedMs > minutes * 60_000) break;
        const due = Math.floor((elapsedMs * everySecond) / 1000) - sent;
        const texts = Array.from(
          { length: due },
          (_, index) => `event ${sent + index} of many, id ${sent * 7919}`,
        );
        for (const text of texts) log.write(text);
        await Promise.all([
          ...texts.map((text) => send(redis, 'ops', 'bob', text)),
          ...(texts.length > 0 ? [publish(redis, 'events', texts)] : []),
        ]);
        sent += due;
        if (samples.length < elapsedMs / sampleMs) samples.push(residentMB(play.pid));
        await wait(5);
      }
      const quarter = Math.floor(samples.length / 4);
      const early = median(samples.slice(quarter, 2 * quarter));
      const late = median(samples.slice(-quarter));
      process.stdout.write(
        `${sent} messages in ${minutes} min: ${early.toFixed(0)} MB in the second quarter, ${late.toFixed(0)} MB in the last, at most ${Math.max(...samples).toFixed(0)} MB\n`,
      );
      expect(late).toBeLessThanOrEqual(mostMB);
      expect(late - early).toBeLessThanOrEqual(mostGrowthMB);
    } finally {
      await log.close();
      await play.close();
      await server.close();
    }
  },
);

function residentMB(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
