import { counted } from '../../ui/format.ts';
import type { Guard } from '../feature.ts';
import { inspect } from './room/rooms.ts';

export const leaveGuard: Guard<{ readonly room: string; readonly as: string | undefined }> = {
  loses: false,
  async look({ redis, config }, input) {
    const member = input.as ?? config.operator;
    const { rooms } = await inspect(redis, [input.room], { limit: 0, always: member });
    const [room] = rooms;
    const own = room?.members.find(({ name }) => name === member);
    if (!room || !own) return;
    const isLast = room.memberCount === 1;
    const follows = isLast ? ' Nobody else is in it: the room and its messages go.' : '';
    const unread = own.unread > 0 ? ` ${counted(own.unread, 'message')} there are unread.` : '';
    return {
      name: input.room,
      state: isLast ? 'nobody else is in it' : 'others are in it',
      question: `Leave ${input.room}?${follows}${unread}`,
      input,
    };
  },
};
