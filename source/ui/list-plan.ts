/**
 * Which lines of a pane go to what. The list comes first; what is said of the chosen row gets the lines it leaves, or
 * two at least where there is some room; open details get up to half.
 */
export type ListPlan = {
  readonly head: number;
  /** Lines of the list with its heading, and how many rows are shown in them. */
  readonly list: number;
  readonly shown: number;
  /** A free line between the list and what is said below it. */
  readonly gap: number;
  readonly about: number;
  readonly details: number;
  /** Free lines above the tail. */
  readonly filler: number;
  readonly tail: number;
};

export type ListNeeds = {
  /** Lines there are. */
  readonly rows: number;
  readonly head: number;
  readonly heading: number;
  /** Rows of the list, and the lines each takes. */
  readonly count: number;
  readonly each: number;
  readonly about: number;
  readonly tail: number;
  readonly details: number;
  readonly isFull: boolean;
};

const leastAbout = 2;
const roomyRows = 8;

export function planList(needs: ListNeeds): ListPlan {
  const { rows, heading, count, each, isFull } = needs;
  // A heading and a row always have their place.
  const least = heading + Math.max(1, each);
  const head = Math.max(0, Math.min(needs.head, rows - least - 1));
  const body = Math.max(0, rows - head);
  if (isFull && needs.details > 0) {
    return { head, list: 0, shown: 0, gap: 0, about: 0, details: body, filler: 0, tail: 0 };
  }
  const wanted = heading + Math.max(1, count) * each;
  const tail = Math.min(needs.tail, Math.max(rows >= 5 ? 1 : 0, body - wanted), Math.max(0, body - least));
  const open = needs.details > 0;
  const room = body - tail;
  const most = Math.max(0, room - least);
  const details = open ? Math.min(needs.details, most, Math.max(Math.ceil(room / 2), room - wanted)) : 0;
  const reserved = rows >= roomyRows ? leastAbout : 0;
  const about = open ? 0 : Math.min(needs.about, most, Math.max(reserved, room - wanted - 1, 0));
  const fitting = Math.max(0, Math.min(wanted, room - details - about));
  const free = body - fitting - details - about - tail;
  const gap = about + details > 0 ? Math.min(1, free) : 0;
  // With nothing below it, what is free stays with the list; what is said of all rows stands at the bottom.
  const filler = about + details > 0 ? free - gap : 0;
  const list = about + details > 0 ? fitting : fitting + free;
  const shown = Math.max(0, Math.min(count, Math.floor((list - heading) / Math.max(1, each))));
  return { head, list, shown, gap, about, details, filler, tail };
}
