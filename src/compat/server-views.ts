// server-views: what commands that look at the server itself showed in old versions: INFO, CLIENT LIST, CONFIG GET, COMMAND, HELLO.
//
// The names that each version knew stand in known-names.ts. A name of ours that no version of Redis had is hidden from them all.

import type { Call } from '../registry/call.js';
import { errors } from '../protocol/errors.js';
import { type Change, refuseIf, reshape, type Wrap } from './changes.js';
import { configNames, infoFields, isKnownName } from './known-names.js';
import { isBefore, type Profile } from './profile.js';
import { bulk, integer, itemsOf, type ReplyTree, textOf } from './reply-tree.js';

function withText(tree: ReplyTree, text: string): ReplyTree {
  if (tree.type !== 'verbatim') return bulk(text);
  return { type: 'verbatim', text };
}

// --- INFO ------------------------------------------------------------------------------------------------------------

/** Lines whose names carry a number or a command. */
const LISTS = /^(db\d+|cmdstat_|errorstat_|latency_percentiles_|slave\d+|listener\d+|io_thread_|master\d+)/;
/** Parts of such lines, with the version that brought them. */
const listParts: Readonly<Record<string, string>> = {
  avg_ttl: '2.8.0',
  rejected_calls: '6.2.0',
  failed_calls: '6.2.0',
  subexpiry: '7.4.0',
  offset: '2.8.0',
  lag: '2.8.0',
};
const sectionsSince: Readonly<Record<string, string>> = {
  Modules: '6.0.0',
  Errorstats: '6.2.0',
  Latencystats: '7.0.0',
  Keysizes: '8.0.0',
};
/** Fields of old servers that later ones call otherwise. */
const oldNames: readonly (readonly [old: string, now: string, before: string])[] = [
  ['changes_since_last_save', 'rdb_changes_since_last_save', '2.6.0'],
  ['bgsave_in_progress', 'rdb_bgsave_in_progress', '2.6.0'],
  ['last_save_time', 'rdb_last_save_time', '2.6.0'],
  ['bgrewriteaof_in_progress', 'aof_rewrite_in_progress', '2.6.0'],
  ['client_biggest_input_buf', 'client_recent_max_input_buffer', '5.0.0'],
  ['client_longest_output_list', 'client_recent_max_output_buffer', '5.0.0'],
];
/** Fields that said nothing else. */
const fixedFields: readonly (readonly [name: string, value: string, section: string, before: string, since: string])[] =
  [
    ['hash_max_zipmap_entries', '64', 'Stats', '2.6.0', '2.0.0'],
    ['hash_max_zipmap_value', '512', 'Stats', '2.6.0', '2.0.0'],
    ['vm_enabled', '0', 'Stats', '2.6.0', '2.0.0'],
    ['gcc_version', '0.0.0', 'Server', '99.0.0', '2.6.0'],
    ['used_memory_lua', '0', 'Memory', '99.0.0', '2.6.0'],
    ['mem_allocator', 'libc', 'Memory', '99.0.0', '2.6.0'],
  ];

function oldInfoLine(line: string, profile: Profile): string | undefined {
  const colon = line.indexOf(':');
  const name = line.slice(0, colon);
  const value = line.slice(colon + 1);
  if (name === 'redis_version') return `redis_version:${profile.version}`;
  if (name === 'slave_expires_tracked_keys' || isKnownName(infoFields, name, profile)) return line;
  const old = oldNames.find(([, now, before]) => now === name && isBefore(profile, before));
  if (old !== undefined) return `${old[0]}:${value}`;
  if (!LISTS.test(name)) return undefined;
  const parts = value.split(',').filter((part) => {
    const since = listParts[part.slice(0, part.indexOf('='))];
    return since === undefined || !isBefore(profile, since);
  });
  return `${name}:${parts.join(',')}`;
}

function oldInfo(text: string, profile: Profile): string {
  const sections: string[] = [];
  for (const section of text.split('\r\n\r\n')) {
    const lines = section.split('\r\n').filter((line) => line !== '');
    const title = lines.shift()?.slice(2) ?? '';
    const since = sectionsSince[title];
    if (title === '' || title === 'Threads' || (since !== undefined && isBefore(profile, since))) continue;
    const kept: string[] = [];
    for (const line of lines) {
      const old = oldInfoLine(line, profile);
      if (old === undefined) continue;
      kept.push(old);
      if (profile.product === 'valkey' && old.startsWith('redis_version:'))
        kept.push('server_name:valkey', `valkey_version:${profile.valkeyVersion}`);
    }
    for (const [name, value, place, before, first] of fixedFields) {
      const isThere = kept.some((line) => line.startsWith(`${name}:`));
      if (place === title && !isThere && isBefore(profile, before) && !isBefore(profile, first))
        kept.push(`${name}:${value}`);
    }
    // Sections and their titles came with 2.6.
    if (isBefore(profile, '2.6.0')) sections.push(kept.map((line) => `${line}\r\n`).join(''));
    else sections.push([`# ${title}`, ...kept, ''].join('\r\n'));
  }
  return sections.join(isBefore(profile, '2.6.0') ? '' : '\r\n');
}

// --- CLIENT LIST -----------------------------------------------------------------------------------------------------

const clientFields: Readonly<Record<string, string>> = {
  id: '2.8.12',
  name: '2.6.9',
  user: '6.0.0',
  laddr: '6.2.0',
  'argv-mem': '6.0.0',
  'tot-mem': '6.0.0',
  redir: '6.2.0',
  ssub: '7.0.3',
  'multi-mem': '7.0.0',
  rbs: '7.0.0',
  rbp: '7.0.0',
  resp: '7.0.0',
  'lib-name': '7.2.0',
  'lib-ver': '7.2.0',
  watch: '7.4.0',
};

function oldClientLine(line: string, profile: Profile): string {
  return line
    .split(' ')
    .filter((part) => {
      const name = part.slice(0, part.indexOf('='));
      if (profile.product === 'valkey' && name === 'watch') return true;
      const since = clientFields[name];
      return since === undefined || !isBefore(profile, since);
    })
    .map((part) => (isBefore(profile, '7.0.0') && part.startsWith('cmd=') ? part.replace(/\|.*/, '') : part))
    .join(' ');
}

function oldClientList(text: string, profile: Profile): string {
  return text
    .split('\n')
    .map((line) => oldClientLine(line, profile))
    .join('\n');
}

// --- CONFIG GET ------------------------------------------------------------------------------------------------------

function oldConfig(tree: ReplyTree, profile: Profile): ReplyTree | undefined {
  if (tree.type !== 'list' || tree.items === undefined) return undefined;
  const items: ReplyTree[] = [];
  for (let index = 0; index + 1 < tree.items.length; index += 2) {
    const name = textOf(tree.items[index])?.toLowerCase() ?? '';
    if (name === 'compat' || isKnownName(configNames, name, profile))
      items.push(tree.items[index]!, tree.items[index + 1]!);
  }
  return { ...tree, items };
}

// --- COMMAND ---------------------------------------------------------------------------------------------------------

/** Flags that only some versions told of; the tips of today took the place of the last two. */
const flagsSince: Readonly<Record<string, readonly [since: string, before: string]>> = {
  no_auth: ['6.2.0', '99.0.0'],
  no_mandatory_keys: ['7.0.0', '99.0.0'],
  no_async_loading: ['7.0.0', '99.0.0'],
  no_multi: ['7.0.0', '99.0.0'],
  allow_busy: ['7.0.0', '99.0.0'],
  blocking: ['7.0.0', '99.0.0'],
  touches_arbitrary_keys: ['7.0.0', '99.0.0'],
};
const randomCommands = new Set(
  'randomkey srandmember spop scan sscan hscan zscan time lastsave ttl pttl xadd xinfo xpending xautoclaim xclaim command info role memory latency hrandfield zrandmember object dump cluster'.split(
    ' ',
  ),
);
const sortedForScripts = new Set('sinter sunion sdiff smembers hkeys hvals keys pubsub hgetall'.split(' '));

/** The place of a command's flags, and how long an entry was. */
const FLAGS = 2;

function oldEntry(tree: ReplyTree, profile: Profile): ReplyTree {
  if (tree.type !== 'list' || tree.items === undefined) return tree;
  const name = textOf(tree.items[0]) ?? '';
  const length = isBefore(profile, '6.0.0') ? 6 : 7;
  const items = tree.items.slice(0, length);
  const flags = itemsOf(items[FLAGS])
    .map((flag) => textOf(flag) ?? '')
    .filter((flag) => {
      const range = flagsSince[flag];
      return range === undefined || !isBefore(profile, range[0]);
    });
  if (randomCommands.has(name)) flags.push('random');
  if (sortedForScripts.has(name)) flags.push('sort_for_script');
  const list = items[FLAGS] as ReplyTree & { type: 'list' };
  items[FLAGS] = { ...list, items: flags.map((flag): ReplyTree => ({ type: 'line', line: `+${flag}` })) };
  return { ...tree, items };
}

const oldCommands: Wrap = reshape((tree, _call, profile) =>
  tree.type === 'list' && tree.items !== undefined
    ? { ...tree, items: tree.items.map((item) => oldEntry(item, profile)) }
    : undefined,
);

// --- users -----------------------------------------------------------------------------------------------------------

function withTexts(tree: ReplyTree, change: (text: string) => string): ReplyTree {
  if (tree.type === 'bulk' && tree.text !== undefined) return bulk(change(tree.text));
  if (tree.type !== 'list' || tree.items === undefined) return tree;
  return { ...tree, items: tree.items.map((item) => withTexts(item, change)) };
}

/** Flags that told what rules tell since 7.0. */
function oldFlags(flags: readonly string[], fields: ReadonlyMap<string, string>, profile: Profile): string[] {
  const all: string[] = [];
  if (fields.get('keys') === '~*') all.push('allkeys');
  if (fields.get('channels') === '&*' && !isBefore(profile, '6.2.0')) all.push('allchannels');
  if (fields.get('commands') === '+@all') all.push('allcommands');
  const [first, ...rest] = flags.filter((flag) => flag !== 'sanitize-payload' && flag !== 'skip-sanitize-payload');
  return [...(first === undefined ? [] : [first]), ...all, ...rest];
}

function oldUser(tree: ReplyTree, _call: Call, profile: Profile): ReplyTree | undefined {
  if (tree.type !== 'list' || tree.items === undefined) return undefined;
  const fields = new Map<string, string>();
  for (let index = 0; index + 1 < tree.items.length; index += 2)
    fields.set(textOf(tree.items[index]) ?? '', textOf(tree.items[index + 1]) ?? '');
  const items: ReplyTree[] = [];
  for (let index = 0; index + 1 < tree.items.length; index += 2) {
    const name = textOf(tree.items[index]) ?? '';
    let value = tree.items[index + 1]!;
    if (name === 'flags' && value.type === 'list') {
      const flags = itemsOf(value).map((flag) => textOf(flag) ?? '');
      const old = isBefore(profile, '7.0.0')
        ? oldFlags(flags, fields, profile)
        : flags.filter((flag) => flag !== 'sanitize-payload');
      value = { ...value, items: old.map(bulk) };
    }
    // Selectors, and rules in the place of lists, came with 7.0.
    if (isBefore(profile, '7.0.0') && name === 'selectors') continue;
    if (isBefore(profile, '6.2.0') && name === 'channels') continue;
    if (isBefore(profile, '7.0.0') && (name === 'keys' || name === 'channels')) {
      const patterns = (textOf(value) ?? '').split(' ').filter((pattern) => pattern !== '');
      value = { type: 'list', kind: '*', items: patterns.map((pattern) => bulk(pattern.slice(1))) };
    }
    items.push(tree.items[index]!, value);
  }
  return { ...tree, items };
}

// --- the list --------------------------------------------------------------------------------------------------------

function greeting(tree: ReplyTree, _call: Call, profile: Profile): ReplyTree | undefined {
  if (tree.type !== 'list' || tree.items === undefined) return undefined;
  const isValkey = profile.product === 'valkey';
  const items = tree.items.map((item, index) => {
    const field = index % 2 === 1 ? textOf(tree.items![index - 1]) : '';
    if (field === 'server') return bulk(profile.product);
    if (field === 'version') return bulk(isValkey ? profile.valkeyVersion : profile.version);
    return item;
  });
  return { ...tree, items };
}

export const viewChanges: readonly Change[] = [
  {
    commands: ['info'],
    wrap: reshape((tree, _call, profile) => withText(tree, oldInfo(textOf(tree) ?? '', profile))),
  },
  { commands: ['info'], before: '7.0.0', wrap: refuseIf((call) => (call.count > 2 ? errors.syntax : undefined)) },
  {
    commands: ['client|list'],
    before: '5.0.0',
    wrap: refuseIf((call) => (call.count > 2 ? "ERR unknown subcommand 'LIST'. Try CLIENT HELP." : undefined)),
  },
  {
    commands: ['client|kill'],
    before: '2.8.12',
    wrap: refuseIf((call) => (call.count > 3 ? "ERR unknown subcommand 'KILL'. Try CLIENT HELP." : undefined)),
  },
  { commands: ['readwrite'], before: '7.0.0', wrap: () => (call) => call.reply.ok() },
  { commands: ['readonly', 'readwrite'], product: 'valkey', wrap: () => (call) => call.reply.ok() },
  {
    commands: ['acl|list'],
    before: '7.2.0',
    wrap: reshape((tree, _call, profile) =>
      withTexts(tree, (text) => {
        const rules = text.replace(' sanitize-payload', '');
        return isBefore(profile, '6.2.0') ? rules.replace(/ &\S+| (all|reset)channels/g, '') : rules;
      }),
    ),
  },
  { commands: ['acl|getuser'], before: '7.2.0', wrap: reshape(oldUser) },
  { commands: ['hello'], wrap: reshape(greeting) },
  {
    commands: ['client|list', 'client|info'],
    wrap: reshape((tree, _call, profile) => withText(tree, oldClientList(textOf(tree) ?? '', profile))),
  },
  { commands: ['config|get'], wrap: reshape((tree, _call, profile) => oldConfig(tree, profile)) },
  { commands: ['command', 'command|info'], before: '7.0.0', wrap: oldCommands },
  {
    commands: ['lolwut'],
    wrap: reshape((tree, _call, profile) =>
      withText(tree, (textOf(tree) ?? '').replace(/Redis ver\. .*/, `Redis ver. ${profile.version}`)),
    ),
  },
  // Before 4.0 small integers were counted like other shared values.
  {
    commands: ['object|refcount'],
    before: '4.0.0',
    wrap: reshape((tree) => (textOf(tree) === '2147483647' ? integer(2) : undefined)),
  },
];
