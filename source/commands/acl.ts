import * as v from 'valibot';
import { UsageError } from '../errors.ts';
import { defineCommand, list, optionalFlag, word } from '../features/feature.ts';
import { type Rights, type RoleName, rightsOf, roleNames, rolesOf } from './acl-rights.ts';
import * as printed from './printed.ts';

export const aclCommand = defineCommand({
  verb: 'acl',
  summary: 'print the least rights that a job needs on the server, as an ACL SETUSER command',
  words: {
    role: word(
      'ROLE',
      roleNames.join(', '),
      v.picklist(roleNames, `Expected one of ${roleNames.join(', ')}`),
    ),
    names: list('NAME', 'what it is for, such as the names of locks; `*` stands for any text', v.string()),
  },
  flags: { as: optionalFlag('USER', 'how the user is called (as the role)', v.string()) },
  prints: printed.acl,
  writes: false,
  offline: true,
  examples: [
    "quarterdeck acl locker 'deploy:*' --as deployer",
    'quarterdeck acl shipper logs: --cluster',
    'quarterdeck acl viewer | redis-cli',
  ],
  async run(context, { role, names, as: user = role }) {
    await assertNames(role, names);
    assertWord('USER', user);
    const rights = await rightsOf(context.redis, role, names);
    const rules = rulesOf(rights);
    const line = ['ACL', 'SETUSER', user, ...rules].map(quoted).join(' ');
    context.progress(`A new user has no password: ACL SETUSER ${user} '>PASSWORD' gives it one`);
    return { json: { role, user, names, ...rights, rules, line }, text: line };
  },
});

/** Everything that was granted before goes, but the user's passwords stay. */
function rulesOf({ commands, reads, keys, channels }: Rights): readonly string[] {
  return [
    'on',
    'resetkeys',
    'resetchannels',
    'clearselectors',
    '-@all',
    ...commands.map((command) => `+${command}`),
    ...reads.map((pattern) => `%R~${pattern}`),
    ...keys.map((pattern) => `~${pattern}`),
    ...channels.map((pattern) => `&${pattern}`),
  ];
}

async function assertNames(role: RoleName, names: readonly string[]): Promise<void> {
  for (const name of names) assertWord('NAME', name);
  if ((role === 'viewer' || role === 'doctor') && names.length > 0) {
    throw new UsageError(`\`acl ${role}\` is about everything on the server, and takes no NAME`, {
      code: 'ACL_NAME',
    });
  }
  const needsName = (await rolesOf(role)).some((part) => part.needsName);
  if (needsName && names.length === 0) {
    throw new UsageError(`\`acl ${role}\` needs the channel: its keys begin with that`, {
      code: 'ACL_NAME',
      hint: `Such as: quarterdeck acl ${role} logs:`,
    });
  }
}

/** What the server takes as one word of a rule. */
function assertWord(label: string, text: string): void {
  if (/^[^\s\p{Cc}]+$/u.test(text)) return;
  throw new UsageError(`An ACL rule holds no space and no control character: ${label} \`${text}\``, {
    code: 'ACL_NAME',
    hint: 'Put a `*` in the place of such a character',
  });
}

/** As redis-cli reads a line. */
function quoted(text: string): string {
  return /["'\\]/.test(text) ? `"${text.replaceAll(/["\\]/g, '\\$&')}"` : text;
}
