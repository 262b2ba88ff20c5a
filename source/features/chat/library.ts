/** What the library offers of chat: `import { chat } from 'quarterdeck'`. */
export * from './chat.ts';
export * from './errors.ts';
export { type Entry, isMalformed, type Malformed, type Message } from './message.ts';
export { history, known, type MemberFigures, type RoomFigures, type Survey, survey } from './rooms.ts';
export { longestMessageBytes, type Sent, send } from './send.ts';
export { follow } from './tail.ts';
