/** What our scripts answer: an array. */
export function replyWords(reply: unknown): unknown[] {
  if (!Array.isArray(reply)) throw new Error(`Expected an array from Redis, got \`${String(reply)}\``);
  return reply;
}
