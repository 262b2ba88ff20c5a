/**
 * The commands of a connection that have no answer yet, and for how long: what a user waits for is an answer, whatever
 * the state of the socket. A command that is sent again after a reconnect counts from when it was first sent.
 */
export type Unanswered = {
  add(command: object): void;
  /** How long the first of them has been waiting, in ms of `clock`; undefined when all have been answered. */
  oldestMs(): number | undefined;
  stop(): void;
};

/** What ioredis keeps of a command. */
type Sent = { readonly name: string; readonly promise: PromiseLike<unknown> };

const tickMs = 100;
/** These wait for as long as their caller says. */
const blocking = /^(xread|xreadgroup|bl?[lrz].*|wait(aof)?|monitor|subscribe|psubscribe|ssubscribe)$/i;

export function trackUnanswered(): Unanswered {
  const sinceMs = new Map<object, number>();
  // The time of this process: it stands still while the process is stopped, or the machine sleeps, in which nobody
  // could have read an answer.
  let activeMs = 0;
  let lastTickMs = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    activeMs += Math.min(now - lastTickMs, 5 * tickMs);
    lastTickMs = now;
  }, tickMs).unref();

  return {
    add(command) {
      if (sinceMs.has(command) || !isSent(command) || blocking.test(command.name)) return;
      sinceMs.set(command, activeMs);
      const forget = (): void => {
        sinceMs.delete(command);
      };
      command.promise.then(forget, forget);
    },
    oldestMs() {
      // A Map keeps the order: the first was sent first.
      const [first] = sinceMs.values();
      return first === undefined ? undefined : activeMs - first;
    },
    stop() {
      clearInterval(timer);
    },
  };
}

function isSent(command: object): command is Sent {
  return (
    typeof Reflect.get(command, 'name') === 'string' && Reflect.get(command, 'promise') instanceof Promise
  );
}
