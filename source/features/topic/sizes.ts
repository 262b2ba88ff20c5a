/** Of one message. */
export const largestMessageBytes = 16 * 1024 ** 2;
/** Of a JSON array of messages, in which each byte may take six. */
export const largestFrameBytes = 6 * largestMessageBytes + 1024;
/** Of what comes at once without a turn, which leaves out what is larger than messages are. */
export const largestReplyBytes = largestMessageBytes + 1024 ** 2;
