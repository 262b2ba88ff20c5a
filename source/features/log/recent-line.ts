export type RecentLine = {
  /** Epoch ms; null when the line has no time. */ readonly at: number | null;
  readonly message: string;
};

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Sun Jun  9 01:02:03 2024 message`: Python's `time.asctime()`, which is local time, in front. */
export function recentLine(atMs: number, message: string): string {
  const at = new Date(atMs);
  const date = `${days[at.getDay()]} ${months[at.getMonth()]} ${String(at.getDate()).padStart(2, ' ')}`;
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) =>
    String(part).padStart(2, '0'),
  );
  return `${date} ${clock.join(':')} ${at.getFullYear()} ${message}`;
}

export function parseLine(line: string): RecentLine {
  const stamp = /^[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d) (\d{4}) /.exec(line);
  const month = months.indexOf(stamp?.[1] ?? '');
  if (!stamp || month === -1) return { at: null, message: line };
  const [day = 1, hours, minutes, seconds, year = 1970] = stamp.slice(2).map(Number);
  return {
    at: new Date(year, month, day, hours, minutes, seconds).getTime(),
    message: line.slice(stamp[0].length),
  };
}
