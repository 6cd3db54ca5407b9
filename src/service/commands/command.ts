// command: COMMAND and its subcommands: descriptions of the server's commands, from their declarations.

import { errors } from '../../protocol/errors.js';
import type { CommandTable } from '../../registry/table.js';
import { globMatches } from '../../base/glob.js';
import { utf8 } from '../../base/bytes.js';
import type { ReplyWriter } from '../../protocol/reply.js';
import type { Argument } from '../../registry/grammar.js';
import {
  type Command,
  type CommandFlag,
  command,
  commandFlags,
  fitsArity,
  type KeySpec,
} from '../../registry/command.js';
import { many, oneof, optional, pattern, str } from '../../registry/grammar.js';
import { Call } from '../../registry/call.js';
import { findKeys, flagsOfKey, FoundKeys } from '../../registry/find-keys.js';
import { replyHelp } from '../../registry/help.js';
import type { CallFor, CommandFor } from '../call.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly table: CommandTable<never>;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

/** Flags that are the server's own business, also in Redis. */
const hiddenFlags: readonly string[] = ['may_replicate', 'protected', 'sentinel', 'only_sentinel'];
const flagNames = (Object.entries(commandFlags) as [CommandFlag, number][]).filter(
  ([name]) => !hiddenFlags.includes(name),
);

/** Position of first key, last key and step, as COMMAND INFO gives them: from the first specification by range. */
function legacyRange(keys: readonly KeySpec[]): readonly [number, number, number] {
  let first = 0;
  let last = 0;
  let step = 0;
  for (const spec of keys) {
    if (typeof spec.begin === 'string' || !('index' in spec.begin) || spec.find === 'unknown' || !('last' in spec.find))
      continue;
    const begin = spec.begin.index;
    const end = spec.find.last < 0 ? spec.find.last : begin + spec.find.last;
    if (first === 0) {
      first = begin;
      last = end;
      step = spec.find.step;
    } else if (last >= 0 && begin === last + 1 && step === spec.find.step) {
      last = end;
    }
  }
  return [first, last, step];
}

function replyInfo(reply: ReplyWriter, found: Command<never>): void {
  const flags = flagNames.filter(([, bit]) => (found.flags & bit) !== 0).map(([name]) => name);
  const [first, last, step] = legacyRange(found.keys);
  reply.array(10);
  reply.bulkText(found.fullName);
  reply.integer(found.arity);
  reply.set(flags.length);
  for (const flag of flags) reply.simple(flag);
  reply.integer(first);
  reply.integer(last);
  reply.integer(step);
  reply.set(found.categories.length);
  for (const category of found.categories) reply.simple(`@${category}`);
  const tips = found.declaration.tips ?? [];
  reply.set(tips.length);
  for (const tip of tips) reply.bulkText(tip);
  reply.set(found.keys.length);
  for (const spec of found.keys) replyKeySpec(reply, spec);
  reply.set(found.subcommands.size);
  for (const sub of found.subcommands.values()) replyInfo(reply, sub);
}

function replyKeySpec(reply: ReplyWriter, spec: KeySpec): void {
  reply.map(spec.notes === undefined ? 3 : 4);
  if (spec.notes !== undefined) {
    reply.bulkText('notes');
    reply.bulkText(spec.notes);
  }
  reply.bulkText('flags');
  reply.set(spec.flags.length);
  for (const flag of spec.flags) reply.simple(flag);
  reply.bulkText('begin_search');
  if (spec.begin === 'unknown') replyTyped(reply, 'unknown', {});
  else if ('index' in spec.begin) replyTyped(reply, 'index', { index: spec.begin.index });
  else replyTyped(reply, 'keyword', { keyword: spec.begin.keyword, startfrom: spec.begin.startFrom });
  reply.bulkText('find_keys');
  if (spec.find === 'unknown') replyTyped(reply, 'unknown', {});
  else if ('last' in spec.find)
    replyTyped(reply, 'range', { lastkey: spec.find.last, keystep: spec.find.step, limit: spec.find.limit });
  else replyTyped(reply, 'keynum', { keynumidx: spec.find.keynum, firstkey: spec.find.first, keystep: spec.find.step });
}

function replyTyped(reply: ReplyWriter, type: string, fields: Readonly<Record<string, string | number>>): void {
  reply.map(2);
  reply.bulkText('type');
  reply.bulkText(type);
  reply.bulkText('spec');
  const entries = Object.entries(fields);
  reply.map(entries.length);
  for (const [name, value] of entries) {
    reply.bulkText(name);
    if (typeof value === 'number') reply.integer(value);
    else reply.bulkText(value);
  }
}

/** Writes the fields of a map whose count is known only afterwards. */
class Fields {
  private readonly writes: (() => void)[] = [];

  constructor(private readonly reply: ReplyWriter) {}

  add(name: string, write: () => void): void {
    this.writes.push(() => {
      this.reply.bulkText(name);
      write();
    });
  }

  text(name: string, value: string | undefined): void {
    if (value !== undefined) this.add(name, () => this.reply.bulkText(value));
  }

  end(): void {
    this.reply.map(this.writes.length);
    for (const write of this.writes) write();
  }
}

function replyDocs(reply: ReplyWriter, found: Command<never>): void {
  const { declaration } = found;
  const fields = new Fields(reply);
  fields.text('summary', declaration.summary);
  fields.text('since', declaration.since);
  fields.text('group', declaration.group.replace('_', '-'));
  fields.text('complexity', declaration.complexity);
  const { docFlags = [], history = [], args = [] } = declaration;
  if (docFlags.length > 0) {
    fields.add('doc_flags', () => {
      reply.set(docFlags.length);
      for (const flag of docFlags) reply.simple(flag);
    });
  }
  fields.text('deprecated_since', declaration.deprecatedSince);
  fields.text('replaced_by', declaration.replacedBy);
  if (history.length > 0) {
    fields.add('history', () => {
      reply.set(history.length);
      for (const [version, change] of history) {
        reply.array(2);
        reply.bulkText(version);
        reply.bulkText(change);
      }
    });
  }
  if (args.length > 0) fields.add('arguments', () => replyArguments(reply, args));
  if (found.subcommands.size > 0) {
    fields.add('subcommands', () => {
      reply.map(found.subcommands.size);
      for (const sub of found.subcommands.values()) {
        reply.bulkText(sub.fullName);
        replyDocs(reply, sub);
      }
    });
  }
  fields.end();
}

function replyArguments(reply: ReplyWriter, args: readonly Argument[]): void {
  reply.array(args.length);
  for (const argument of args) {
    const fields = new Fields(reply);
    fields.text('name', argument.name);
    fields.text('type', argument.kind);
    if (argument.kind !== 'oneof' && argument.kind !== 'block')
      fields.text('display_text', argument.display ?? argument.name);
    if (argument.keySpec !== undefined) fields.add('key_spec_index', () => reply.integer(argument.keySpec!));
    fields.text('token', argument.token);
    fields.text('summary', argument.summary);
    fields.text('since', argument.since);
    fields.text('deprecated_since', argument.deprecatedSince);
    const flags: string[] = [];
    if (argument.optional === true) flags.push('optional');
    if (argument.multiple === true) flags.push('multiple');
    if (argument.multipleToken === true) flags.push('multiple_token');
    if (flags.length > 0) {
      fields.add('flags', () => {
        reply.set(flags.length);
        for (const flag of flags) reply.simple(flag);
      });
    }
    if (argument.children !== undefined) fields.add('arguments', () => replyArguments(reply, argument.children!));
    fields.end();
  }
}

/** The commands named from argument `from` on, undefined where there is none; all when none is named. */
function named(call: ServerCall, from: number): (Command<never> | undefined)[] {
  if (call.count <= from) return [...call.host.table.commands.values()];
  return Array.from({ length: call.count - from }, (_, index) =>
    call.host.table.byFullName(call.text(from + index).toLowerCase()),
  );
}

function runInfo(call: ServerCall, from: number): void {
  const commands = named(call, from);
  call.reply.array(commands.length);
  for (const found of commands) {
    if (found === undefined) call.reply.nil();
    else replyInfo(call.reply, found);
  }
}

const facts = {
  group: 'server',
  flags: ['loading', 'stale'],
  complexity: 'O(N) where N is the number of commands.',
} as const;

const count: ServerCommand = command({
  ...facts,
  name: 'count',
  since: '2.8.13',
  arity: 2,
  summary: 'Returns how many commands there are.',
  run: (call: ServerCall) => call.reply.integer(call.host.table.commands.size),
});

const docs: ServerCommand = command({
  ...facts,
  name: 'docs',
  since: '7.0.0',
  arity: -2,
  args: [optional(many(str('command-name')))],
  tips: ['nondeterministic_output_order'],
  summary: 'Returns documentation of one, several or all commands.',
  run(call: ServerCall) {
    const commands = named(call, 2).filter((found) => found !== undefined);
    call.reply.map(commands.length);
    for (const found of commands) {
      call.reply.bulkText(found.fullName);
      replyDocs(call.reply, found);
    }
  },
});

const info: ServerCommand = command({
  ...facts,
  name: 'info',
  since: '2.8.13',
  arity: -2,
  args: [optional(many(str('command-name')))],
  history: [['7.0.0', 'Allowed to be called with no argument to get info on all commands.']],
  tips: ['nondeterministic_output_order'],
  summary: 'Returns details of one, several or all commands.',
  run: (call: ServerCall) => runInfo(call, 2),
});

const list: ServerCommand = command({
  ...facts,
  name: 'list',
  since: '7.0.0',
  arity: -2,
  args: [
    optional({
      ...oneof(
        'filterby',
        str('module-name', { token: 'MODULE' }),
        str('category', { token: 'ACLCAT' }),
        pattern('pattern', { token: 'PATTERN' }),
      ),
      token: 'FILTERBY',
    }),
  ],
  tips: ['nondeterministic_output_order'],
  summary: 'Returns the names of the commands.',
  run(call: ServerCall) {
    const all = [...call.host.table.all()];
    let chosen = all;
    if (call.count === 5 && call.is(2, 'filterby')) {
      const wanted = call.copy(4);
      const text = call.text(4).toLowerCase();
      if (call.is(3, 'module')) chosen = [];
      else if (call.is(3, 'aclcat')) chosen = all.filter((found) => found.categories.includes(text));
      else if (call.is(3, 'pattern')) chosen = all.filter((found) => globMatches(wanted, utf8(found.fullName), true));
      else {
        call.reply.error(errors.syntax);
        return;
      }
    } else if (call.count !== 2) {
      call.reply.error(errors.syntax);
      return;
    }
    call.reply.array(chosen.length);
    for (const found of chosen) call.reply.bulkText(found.fullName);
  },
});

const foundKeys = new FoundKeys();

function runGetKeys(call: ServerCall, withFlags: boolean): void {
  const target = new Call<unknown, unknown, unknown>();
  target.setArguments(Array.from({ length: call.count - 2 }, (_, index) => call.copy(index + 2)));
  let found = call.host.table.find(target.bytes, target.starts[0]!, target.lengths[0]!);
  if (found !== undefined && found.subcommands.size > 0 && target.count > 1)
    found = found.subcommands.get(target.text(1).toLowerCase());
  if (found === undefined) {
    call.reply.error('ERR Invalid command specified');
    return;
  }
  if (found.keys.every(({ flags }) => flags.includes('not_key')) && found.declaration.findKeys === undefined) {
    call.reply.error('ERR The command has no key arguments');
    return;
  }
  if (!fitsArity(found, target.count)) {
    call.reply.error('ERR Invalid number of arguments specified for command');
    return;
  }
  const fits = findKeys(found, target as never, false, foundKeys);
  if (!fits || (foundKeys.count === 0 && (found.flags & commandFlags.no_mandatory_keys) === 0)) {
    call.reply.error('ERR Invalid arguments specified for command');
    return;
  }
  call.reply.array(foundKeys.count);
  for (let index = 0; index < foundKeys.count; index++) {
    if (withFlags) call.reply.array(2);
    const argument = foundKeys.indexes[index]!;
    call.reply.bulk(target.bytes, target.starts[argument]!, target.lengths[argument]!);
    if (!withFlags) continue;
    // A command that names its keys itself names all of them, whatever its specifications can.
    const flags = flagsOfKey(found, target as never, foundKeys, index).filter(
      (flag) => found.declaration.findKeys === undefined || flag !== 'incomplete',
    );
    call.reply.set(flags.length);
    for (const flag of flags) call.reply.simple(flag);
  }
}

const keyArgs = [str('command'), optional(many(str('arg')))];

const getkeys: ServerCommand = command({
  ...facts,
  name: 'getkeys',
  since: '2.8.13',
  arity: -3,
  args: keyArgs,
  complexity: 'O(N) where N is the number of arguments.',
  summary: 'Returns the keys of a command with its arguments.',
  run: (call: ServerCall) => runGetKeys(call, false),
});

const getkeysandflags: ServerCommand = command({
  ...facts,
  name: 'getkeysandflags',
  since: '7.0.0',
  arity: -3,
  args: keyArgs,
  complexity: 'O(N) where N is the number of arguments.',
  summary: 'Returns the keys of a command with its arguments, and what is done with each.',
  run: (call: ServerCall) => runGetKeys(call, true),
});

const help: ServerCommand = command({
  ...facts,
  name: 'help',
  since: '5.0.0',
  arity: 2,
  summary: 'Lists the subcommands.',
  complexity: 'O(1)',
  run: (call: ServerCall) =>
    replyHelp(call, 'COMMAND', [
      ['(no subcommand)', 'Return details about all Redis commands.'],
      ['COUNT', 'Return the total number of commands in this Redis server.'],
      ['LIST', 'Return a list of all commands in this Redis server.'],
      [
        'INFO [<command-name> ...]',
        'Return details about multiple Redis commands.',
        'If no command names are given, documentation details for all',
        'commands are returned.',
      ],
      [
        'DOCS [<command-name> ...]',
        'Return documentation details about multiple Redis commands.',
        'If no command names are given, documentation details for all',
        'commands are returned.',
      ],
      ['GETKEYS <full-command>', 'Return the keys from a full Redis command.'],
      ['GETKEYSANDFLAGS <full-command>', 'Return the keys and the access flags from a full Redis command.'],
    ]),
});

export const commandCommand: ServerCommand = command({
  name: 'command',
  since: '2.8.13',
  group: 'server',
  arity: -1,
  flags: ['loading', 'stale'],
  categories: ['connection'],
  tips: ['nondeterministic_output_order'],
  summary: 'Returns details of all commands.',
  complexity: 'O(N) where N is the number of commands.',
  subcommands: [count, docs, info, list, getkeys, getkeysandflags, help].map((sub) => ({
    ...sub,
    categories: ['connection'],
  })),
  run: (call) => runInfo(call, 1),
});
