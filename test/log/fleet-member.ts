import process from 'node:process';
import { Redis } from 'ioredis';
import { LogWriter } from '../../source/features/log/writer.ts';
import { syntheticLog } from './synthetic-log.ts';

/**
 * One writer process of a fleet: says that it is ready, writes when it is asked to, and says how much was acknowledged. Its
 * clock stands in for the server's: an hour ends when a command ends it.
 */
const [socket = '', member = '0', messages = '0'] = process.argv.slice(2);
const redis = new Redis({ path: socket, maxRetriesPerRequest: null });
const log = syntheticLog({ seed: 5, events: 40, lines: 20_000 });
let clock = Date.UTC(2026, 10, 25, 12, 59, 59) / 1000;
const writer = new LogWriter(redis, 'fleet', { clock: () => clock });

const hourEnded = Promise.withResolvers<void>();
process.on('message', (word) => {
  if (word === 'hour ends') {
    clock += 1;
    hourEnded.resolve();
  } else void write();
});
process.send?.('ready');

async function write(): Promise<void> {
  for (let id = 0; id < Number(messages); id += 1) {
    const line = log[(id * 8 + Number(member)) % log.length]?.line ?? '';
    if (!writer.write(line)) await writer.drained();
    // However late that command comes: there is something left to write afterwards.
    if (id === Math.floor(Number(messages) * 0.9)) await hourEnded.promise;
    // Gives messages and sockets a turn, as reading from a pipe would.
    if (id % 1000 === 0) await new Promise(setImmediate);
  }
  await writer.close();
  redis.disconnect();
  process.send?.({ written: writer.written });
  process.disconnect?.();
}
