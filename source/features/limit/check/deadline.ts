import type { Client } from '../../../redis/client.ts';

/**
 * Bounds how long Redis may take to answer. While an answer is overdue, or the connection is gone, nothing more is
 * asked: a limiter that fails open under load must not queue a question for every hit of an outage.
 */
export class Deadline {
  readonly #timeoutMs: number;
  #overdue = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** @throws {OverdueError} when there was no answer in time, or none is to be expected */
  async within<Answer>(client: Client, ask: () => Promise<Answer>): Promise<Answer> {
    if (this.#overdue > 0 || hopeless.has(client.status)) throw new OverdueError();
    const answer = ask();
    let timer: NodeJS.Timeout | undefined;
    let isOverdue = false;
    const overdue = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        isOverdue = true;
        this.#overdue += 1;
        reject(new OverdueError());
      }, this.#timeoutMs);
    });
    const settle = (): void => {
      clearTimeout(timer);
      if (isOverdue) this.#overdue -= 1;
    };
    answer.then(settle, settle);
    return await Promise.race([answer, overdue]);
  }
}

class OverdueError extends Error {
  constructor() {
    super('Redis does not answer');
    this.name = 'OverdueError';
  }
}

const hopeless = new Set(['close', 'reconnecting', 'end', 'disconnecting']);
