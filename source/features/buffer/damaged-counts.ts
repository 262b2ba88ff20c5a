import type { Client } from '../../redis/client.ts';
import { asArray, asInteger, asNumber, asPairs } from '../../redis/reply.ts';
import { defineScript } from '../../redis/script.ts';
import { shellWord } from '../../shell-word.ts';
import { formatCount } from '../../ui/format.ts';
import type { Finding } from '../feature.ts';
import sampleLua from './sample.lua';

/** So many ids are looked at, taken at random where there are more. */
const sample = 2000;
/** Among ids that are numbers, up to one in so many that is none is taken for a mistake rather than for a kind of its own. */
const oddOneIn = 10;
/** Bytes: of a longer id only the beginning is looked at. */
const longestId = 128;

const sampleScript = defineScript({
  lua: sampleLua,
  parse(reply) {
    const [ids, ...flat] = asArray(reply);
    return {
      ids: asInteger(ids),
      entries: asPairs(flat).map(([id, count]) => [id, asNumber(count)] as const),
    };
  },
});

/**
 * Ids and counts that SQL will refuse or that mean something else than was meant, as far as a sample shows.
 * `isForeign`: nothing of ours has ever counted or flushed there.
 */
export async function examineCounts(redis: Client, key: string, isForeign: boolean): Promise<Finding[]> {
  const { ids, entries } = await sampleScript(redis, [key], [sample, longestId]);
  const of = ids > entries.length ? ` of ${formatCount(entries.length)} looked at` : '';
  const findings: Finding[] = [];

  const stuck = entries.filter(([id, count]) => !isText(id) || !Number.isSafeInteger(count));
  const [first] = stuck;
  if (first) {
    findings.push({
      code: 'NEVER_FLUSHED',
      severity: 'warning',
      key,
      message: `${formatCount(stuck.length)}${of} ids stay here whatever is flushed, such as ${shown(first)}: SQL takes whole counts up to 2^53 and ids that are text`,
      fix: `ZADD ${key} the count that was meant, or ZREM the id; scale fractions up, such as cents instead of euros`,
    });
  }

  const texts = entries.filter(([id]) => isText(id));
  const odd = texts.filter(([id]) => !/^-?\d+$/.test(id));
  const [oddest] = odd;
  if (oddest && odd.length * oddOneIn <= texts.length) {
    findings.push({
      code: 'ODD_ID',
      severity: 'warning',
      key,
      message: `Its ids are whole numbers but for ${formatCount(odd.length)}${of}, such as ${shown(oddest)}: where the key is a number in SQL, they are set aside`,
      fix: `If it is a mistake: redis-cli ZREM ${shellWord(key)} ${shellWord(oddest[0])}`,
    });
  }

  const [only] = entries;
  if (isForeign && ids === 1 && only?.[0] === '1') {
    findings.push({
      code: 'SWAPPED_ARGUMENTS',
      severity: 'warning',
      key,
      message: `All it holds is the id 1, at ${only[1]}: a program written for redis-py 2 (\`zincrby(key, id, 1)\`) adds the id to a member "1" on redis-py 3`,
      fix: 'If it does: zincrby(key, 1, id); what was counted so far cannot be told apart',
    });
  }
  return findings;
}

function isText(id: string): boolean {
  return !id.includes('\0') && !id.includes('\uFFFD');
}

function shown([id, count]: readonly [string, number]): string {
  return `${JSON.stringify(id.length > 40 ? `${id.slice(0, 40)}…` : id)} at ${count}`;
}
