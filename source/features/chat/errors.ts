import { QuarterdeckError } from '../../errors.ts';
import { didYouMean } from '../../nearest.ts';
import { shellWord } from '../../shell-word.ts';
import { described } from '../../values.ts';

/** No such room: nobody created it, or its last member left. */
export class UnknownRoomError extends QuarterdeckError {
  readonly room: string;

  /** @param known the rooms there are, where they were looked up: the hint names the nearest one */
  constructor(room: string, known: Iterable<string> = []) {
    super('data', 'CHAT_UNKNOWN_ROOM', `There is no room \`${room}\``, {
      hint: `${didYouMean(room, known)}See \`quarterdeck chat list\`; \`quarterdeck chat create ROOM --members a,b\` makes one`,
    });
    this.room = room;
  }
}

/** A room that was there while somebody followed it, and is no more. */
export class RoomGoneError extends QuarterdeckError {
  readonly room: string;

  constructor(room: string, member: string) {
    super(
      'data',
      'CHAT_ROOM_GONE',
      `The room \`${room}\` is gone: its last member left, or Redis has lost it. What was sent there and not printed is not known`,
      {
        hint: `\`quarterdeck chat create ${shellWord(room)} --members ${shellWord(member)}\` makes it anew`,
      },
    );
    this.room = room;
  }
}

/** Only members send, read and leave. */
export class NotAMemberError extends QuarterdeckError {
  constructor(room: string, member: string) {
    super('data', 'CHAT_NOT_A_MEMBER', `\`${member}\` is not in the room \`${room}\``, {
      hint: `Join it first: \`quarterdeck chat join ${shellWord(room)} --as ${shellWord(member)}\``,
    });
  }
}

export class MessageTooLongError extends QuarterdeckError {
  constructor(bytes: number, limitBytes: number) {
    super(
      'data',
      'CHAT_MESSAGE_TOO_LONG',
      `The message has ${bytes} bytes; a room takes at most ${limitBytes}`,
      {
        hint: 'Send it in parts, or put it into a file and send where it is',
      },
    );
  }
}

/** A sender that follows Redis in Action holds the lock it puts around sending, and did not give it back in time. */
export class RoomLockedError extends QuarterdeckError {
  constructor(room: string, key: string, waitedMs: number, lockTtlMs: number) {
    const until =
      lockTtlMs < 0 ? 'and never expires: its owner has probably crashed' : `for ${lockTtlMs} ms more`;
    super(
      'data',
      'CHAT_ROOM_LOCKED',
      `Waited ${waitedMs} ms to send to \`${room}\`, but \`${key}\` is held ${until}`,
      { hint: `If nobody is sending, free the room with \`redis-cli DEL ${shellWord(key)}\`` },
    );
  }
}

/** A name that cannot be a member's. */
export class MemberNameError extends QuarterdeckError {
  constructor(mistake: string) {
    super('usage', 'CHAT_BAD_MEMBER_NAME', `A member of a room cannot be called so: ${mistake}`, {
      hint: 'Any text of 1 to 512 bytes is a name',
    });
  }
}

/** A name that cannot be a room's. */
export class RoomNameError extends QuarterdeckError {
  constructor(room: unknown, reason: string) {
    super('usage', 'CHAT_BAD_ROOM_NAME', `Expected a name for a room, got ${described(room)}: ${reason}`, {
      hint: 'Any other text of 1 to 512 bytes is fine',
    });
  }
}
