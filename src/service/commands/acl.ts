// acl: ACL and its subcommands: users, their rules, and their refusals.
import { randomBytes } from 'node:crypto';
import { systemErrorText } from '../../base/system-error.js';
import { errors } from '../../protocol/errors.js';
import { Call } from '../../registry/call.js';
import { aclCategories, command, fitsArity } from '../../registry/command.js';
import { int, many, oneof, optional, str, token } from '../../registry/grammar.js';
import { replyHelp } from '../../registry/help.js';
import { denials, denialText } from '../acl/denial.js';
import { hasSpaces, type Selector } from '../acl/selector.js';
import { fromByteString } from '../config/special-settings.js';
import type { ServiceCall, ServiceCommand } from '../host.js';
import { replyBytes, unknownSubcommand } from './replies.js';

const open = ['noscript', 'loading', 'stale', 'sentinel'] as const;
const guarded = ['admin', ...open] as const;
const everywhere = ['request_policy:all_nodes', 'response_policy:all_succeeded'] as const;
const passwordBitsMax = 4096;

const reasonNames = {
  [denials.command]: 'command',
  [denials.key]: 'key',
  [denials.auth]: 'auth',
  [denials.channel]: 'channel',
};

function words(call: ServiceCall, from: number): string[] {
  const list: string[] = [];
  for (let index = from; index < call.count; index++) list.push(call.text(index));
  return list;
}

function runSetUser(call: ServiceCall): void {
  const name = call.text(2);
  if (hasSpaces(name)) {
    call.reply.error("ERR Usernames can't contain spaces or null characters");
    return;
  }
  const reason = call.host.acl.setUser(name, words(call, 3));
  if (reason === undefined) call.reply.ok();
  else call.reply.error(`ERR ${reason}`);
}

function runDelUser(call: ServiceCall): void {
  const names = words(call, 2);
  if (names.includes('default')) {
    call.reply.error("ERR The 'default' user cannot be removed");
    return;
  }
  let count = 0;
  for (const name of names) if (call.host.acl.deleteUser(name)) count++;
  call.reply.integer(count);
}

function replySelector(call: ServiceCall, selector: Selector): void {
  call.reply.bulkText('commands');
  replyBytes(call, selector.describeCommands());
  call.reply.bulkText('keys');
  replyBytes(call, selector.describeKeys());
  call.reply.bulkText('channels');
  replyBytes(call, selector.describeChannels());
}

function runGetUser(call: ServiceCall): void {
  const user = call.host.acl.find(call.text(2));
  const { reply } = call;
  if (user === undefined) {
    reply.nil();
    return;
  }
  const flags = user.flags();
  reply.map(6);
  reply.bulkText('flags');
  reply.set(flags.length);
  for (const flag of flags) reply.bulkText(flag);
  reply.bulkText('passwords');
  reply.array(user.passwords.length);
  for (const hash of user.passwords) reply.bulkText(hash);
  replySelector(call, user.root);
  reply.bulkText('selectors');
  reply.array(user.selectors.length - 1);
  for (const selector of user.selectors.slice(1)) {
    reply.map(3);
    replySelector(call, selector);
  }
}

function runCat(call: ServiceCall): void {
  const { reply } = call;
  if (call.count === 2) {
    reply.array(aclCategories.length);
    for (const category of aclCategories) reply.bulkText(category);
    return;
  }
  if (call.count > 3) {
    unknownSubcommand(call, 'ACL');
    return;
  }
  const wanted = call.text(2).toLowerCase();
  if (!aclCategories.includes(wanted)) {
    reply.error(`ERR Unknown category '${call.shown(2).slice(0, 128)}'`);
    return;
  }
  const names: string[] = [];
  for (const each of call.host.aclCommands.all()) if (each.categories.includes(wanted)) names.push(each.fullName);
  reply.array(names.length);
  for (const name of names) reply.bulkText(name);
}

function runGenPass(call: ServiceCall): void {
  if (call.count > 3) {
    unknownSubcommand(call, 'ACL');
    return;
  }
  const bits = call.count === 3 ? call.integer(2) : 256;
  if (Number.isNaN(bits)) {
    call.reply.error(errors.notInteger);
  } else if (bits <= 0 || bits > passwordBitsMax) {
    call.reply.error(
      `ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to ${passwordBitsMax}`,
    );
  } else {
    const digits = Math.ceil(bits / 4);
    call.reply.bulkText(
      randomBytes(Math.ceil(digits / 2))
        .toString('hex')
        .slice(0, digits),
    );
  }
}

function runLog(call: ServiceCall): void {
  const { reply, host } = call;
  if (call.count > 3) {
    unknownSubcommand(call, 'ACL');
    return;
  }
  if (call.count === 3 && call.is(2, 'reset')) {
    host.aclLog.reset();
    reply.ok();
    return;
  }
  const count = call.count === 3 ? call.integer(2) : 10;
  if (Number.isNaN(count)) {
    reply.error(errors.notInteger);
    return;
  }
  const entries = host.aclLog.latest(Math.max(0, count));
  const now = host.nowMs();
  reply.array(entries.length);
  for (const entry of entries) {
    reply.map(10);
    reply.bulkText('count');
    reply.integer(entry.count);
    reply.bulkText('reason');
    reply.bulkText(entry.reason === denials.none ? 'unknown' : reasonNames[entry.reason]);
    reply.bulkText('context');
    reply.bulkText(entry.context);
    reply.bulkText('object');
    replyBytes(call, entry.object);
    reply.bulkText('username');
    replyBytes(call, entry.userName);
    reply.bulkText('age-seconds');
    reply.double((now - entry.updatedAt) / 1000);
    reply.bulkText('client-info');
    reply.bulkText(entry.clientInfo);
    reply.bulkText('entry-id');
    reply.integer(entry.id);
    reply.bulkText('timestamp-created');
    reply.integer(entry.createdAt);
    reply.bulkText('timestamp-last-updated');
    reply.integer(entry.updatedAt);
  }
}

function runDryRun(call: ServiceCall): void {
  const { reply, host } = call;
  const user = host.acl.find(call.text(2));
  if (user === undefined) {
    reply.error(`ERR User '${call.shown(2)}' not found`);
    return;
  }
  const name = call.text(3);
  let tried = host.aclCommands.find(name);
  if (tried !== undefined && tried.subcommands.size > 0) {
    tried = call.count > 4 ? host.aclCommands.find(`${name}|${call.text(4)}`) : undefined;
  }
  if (tried === undefined) {
    reply.error(`ERR Command '${call.shown(3)}' not found`);
    return;
  }
  const count = call.count - 3;
  if (!fitsArity(tried, count)) {
    reply.error(`ERR wrong number of arguments for '${tried.fullName}' command`);
    return;
  }
  const trial = new Call<never, never, never>();
  trial.setArguments(words(call, 3).map((_, index) => call.copy(3 + index)));
  const denial = host.aclCheck.check(user, tried as never, trial);
  if (denial === denials.none) {
    reply.ok();
    return;
  }
  replyBytes(call, denialText(denial, user.name, tried.fullName, trial.text(host.aclCheck.deniedIndex)));
}

/** Whether there is an ACL file; replies with an error if not. */
function needFile(call: ServiceCall): boolean {
  if (call.host.config.text('aclfile').value !== '') return true;
  call.reply.error(
    'ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.',
  );
  return false;
}

function runLoad(call: ServiceCall): void {
  if (!needFile(call)) return;
  const { acl: users, config, files } = call.host;
  const reason = users.load(files, config.path('aclfile'), fromByteString(config.text('aclfile').value));
  if (reason === undefined) call.reply.ok();
  else call.reply.error(`ERR ${reason}`);
}

function runSave(call: ServiceCall): void {
  if (!needFile(call)) return;
  try {
    call.host.acl.save(call.host.files, call.host.config.path('aclfile'), call.host.processTag);
    call.reply.ok();
  } catch (error) {
    call.host.log('warning', `Writing ACL file for ACL SAVE: ${systemErrorText(error)}`);
    call.reply.error(
      'ERR There was an error trying to save the ACLs. Please check the server logs for more information',
    );
  }
}

const eachUser = 'O(N). Where N is the number of configured users.';

export const acl: ServiceCommand = command({
  name: 'acl',
  since: '6.0.0',
  group: 'server',
  arity: -2,
  flags: ['sentinel'],
  summary: 'Manages users and their rights.',
  complexity: 'Depends on subcommand.',
  subcommands: [
    {
      name: 'cat',
      since: '6.0.0',
      group: 'server',
      arity: -2,
      flags: open,
      args: [optional(str('category'))],
      summary: 'Lists the categories, or the commands of one.',
      complexity: 'O(1) since the categories and commands are a fixed set.',
      run: runCat,
    },
    {
      name: 'deluser',
      since: '6.0.0',
      group: 'server',
      arity: -3,
      flags: guarded,
      args: [many(str('username'))],
      tips: everywhere,
      summary: 'Deletes users and closes their connections.',
      complexity: 'O(1) amortized time considering the typical user.',
      run: runDelUser,
    },
    {
      name: 'dryrun',
      since: '7.0.0',
      group: 'server',
      arity: -4,
      flags: guarded,
      args: [str('username'), str('command'), optional(many(str('arg')))],
      summary: 'Tells whether a user may run a command, without running it.',
      complexity: 'O(1).',
      run: runDryRun,
    },
    {
      name: 'genpass',
      since: '6.0.0',
      group: 'server',
      arity: -2,
      flags: open,
      args: [optional(int('bits'))],
      summary: 'Makes up a password from secure random numbers.',
      complexity: 'O(1)',
      run: runGenPass,
    },
    {
      name: 'getuser',
      since: '6.0.0',
      group: 'server',
      arity: 3,
      flags: guarded,
      args: [str('username')],
      history: [
        ['6.2.0', 'Channel patterns.'],
        ['7.0.0', 'Selectors; key and channel patterns as rules instead of lists.'],
      ],
      summary: 'Returns the rules of a user.',
      complexity: 'O(N). Where N is the number of password, command and pattern rules that the user has.',
      run: runGetUser,
    },
    {
      name: 'list',
      since: '6.0.0',
      group: 'server',
      arity: 2,
      flags: guarded,
      summary: 'Returns all users as lines of an ACL file.',
      complexity: eachUser,
      run(call) {
        const lines = call.host.acl.describe();
        call.reply.array(lines.length);
        for (const line of lines) replyBytes(call, `user ${line}`);
      },
    },
    {
      name: 'load',
      since: '6.0.0',
      group: 'server',
      arity: 2,
      flags: guarded,
      summary: 'Reads all users from the ACL file.',
      complexity: eachUser,
      run: runLoad,
    },
    {
      name: 'log',
      since: '6.0.0',
      group: 'server',
      arity: -2,
      flags: guarded,
      args: [optional(oneof('operation', int('count'), token('RESET')))],
      history: [['7.2.0', 'Entry ids and times.']],
      summary: 'Returns what was refused lately, or forgets it.',
      complexity: 'O(N) with N being the number of entries shown.',
      run: runLog,
    },
    {
      name: 'save',
      since: '6.0.0',
      group: 'server',
      arity: 2,
      flags: guarded,
      tips: everywhere,
      summary: 'Writes all users to the ACL file.',
      complexity: eachUser,
      run: runSave,
    },
    {
      name: 'setuser',
      since: '6.0.0',
      group: 'server',
      arity: -3,
      flags: guarded,
      tips: everywhere,
      args: [str('username'), optional(many(str('rule')))],
      history: [
        ['6.2.0', 'Channel patterns.'],
        ['7.0.0', 'Selectors and rights by key.'],
      ],
      summary: 'Creates a user or changes its rules.',
      complexity: 'O(N). Where N is the number of rules provided.',
      run: runSetUser,
    },
    {
      name: 'users',
      since: '6.0.0',
      group: 'server',
      arity: 2,
      flags: guarded,
      summary: 'Returns the names of all users.',
      complexity: eachUser,
      run(call) {
        const users = call.host.acl.all();
        call.reply.array(users.length);
        for (const user of users) replyBytes(call, user.name);
      },
    },
    {
      name: 'whoami',
      since: '6.0.0',
      group: 'server',
      arity: 2,
      flags: open,
      summary: "Returns the name of the connection's user.",
      complexity: 'O(1)',
      run(call) {
        if (call.client.user === undefined) call.reply.nil();
        else replyBytes(call, call.client.user.name);
      },
    },
    {
      name: 'help',
      since: '6.0.0',
      group: 'server',
      arity: 2,
      flags: ['loading', 'stale', 'sentinel'],
      summary: 'Tells about the subcommands.',
      complexity: 'O(1)',
      run: (call) =>
        replyHelp(call, 'ACL', [
          [
            'CAT [<category>]',
            'List all commands that belong to <category>, or all command categories',
            'when no category is specified.',
          ],
          ['DELUSER <username> [<username> ...]', 'Delete a list of users.'],
          [
            'DRYRUN <username> <command> [<arg> ...]',
            'Returns whether the user can execute the given command without executing the command.',
          ],
          ['GETUSER <username>', "Get the user's details."],
          [
            'GENPASS [<bits>]',
            'Generate a secure 256-bit user password. The optional `bits` argument can',
            'be used to specify a different size.',
          ],
          ['LIST', 'Show users details in config file format.'],
          ['LOAD', 'Reload users from the ACL file.'],
          ['LOG [<count> | RESET]', 'Show the ACL log entries.'],
          ['SAVE', 'Save the current config to the ACL file.'],
          [
            'SETUSER <username> <attribute> [<attribute> ...]',
            'Create or modify a user with the specified attributes.',
          ],
          ['USERS', 'List all the registered usernames.'],
          ['WHOAMI', 'Return the current connection username.'],
        ]),
    },
  ],
});
