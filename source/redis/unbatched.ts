import type { Command } from 'ioredis';
import type { Client } from './client.ts';

// Commands past autopipelining, made by the client itself: the library runs beside any ioredis, and imports none.

type Word = string | number | Buffer;
type Run = (...words: readonly Word[]) => Promise<unknown>;

const made = new WeakMap<Client, Map<string, Run>>();

/** A command outside of any batch; ioredis resends it, in its order. The reply is binary if that is asked for. */
export function unbatched(client: Client, name: string, isBinary: boolean): Run {
  const commands = made.get(client) ?? new Map<string, Run>();
  made.set(client, commands);
  const id = isBinary ? `${name} binary` : name;
  const known = commands.get(id);
  if (known) return known;
  const { string, buffer }: { string: Run; buffer: Run } = client.createBuiltinCommand(name);
  const command = (isBinary ? buffer : string).bind(client);
  commands.set(id, command);
  return command;
}

/** A command of the class that this client sends, for its `sendCommand`; nothing is sent yet. */
export function unsent(client: Client, name: string, words: readonly Word[]): Command {
  const { string }: { string: (this: object, ...words: readonly Word[]) => Command } =
    client.createBuiltinCommand(name);
  return string.apply({ options: {}, sendCommand: (command: Command) => command }, [...words]);
}
