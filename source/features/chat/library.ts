/** What the library offers of chat: `import { chat } from 'quarterdeck'`. */
export * from './chat.ts';
export * from './errors.ts';
export { type Entry, isMalformed, type Malformed, type Message } from './message.ts';
export { figures, history, known, type MemberFigures, type RoomFigures } from './rooms.ts';
export { follow } from './tail.ts';
