// client: CLIENT and its subcommands: shows and controls connections.

import type { Pause } from '../clients/pause.js';
import type { Acl } from '../acl/acl.js';
import { command, type CommandDeclaration } from '../../registry/command.js';
import { int, many, oneof, optional, since, str, token } from '../../registry/grammar.js';
import { errors } from '../../protocol/errors.js';
import { replyHelp } from '../../registry/help.js';
import { type Client, Gate } from '../clients/client.js';
import { unknownSubcommand } from './replies.js';
import { clientLine, type ClientLineHost } from '../clients/client-line.js';
import type { CallFor, CommandFor } from '../call.js';
import { wrongName } from './connection.js';

/** The part of the server that these commands reach. */
export interface Host extends ClientLineHost {
  unblock(client: Client, withError: boolean): boolean;
  readonly acl: Acl;
  readonly clients: ReadonlyMap<number, Client>;
  readonly pause: Pause;
  nowMs(): number;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const plain = ['noscript', 'loading', 'stale'] as const;
const admin = ['admin', 'noscript', 'loading', 'stale'] as const;
const facts = { group: 'connection', complexity: 'O(1)', categories: ['connection'] } as const;

/** Whether a client is of the kind that TYPE names; undefined when the name is none. */
function kindOf(word: string): ((client: Client) => boolean) | undefined {
  switch (word) {
    case 'normal':
      return (client) => client.kind === 'normal';
    case 'master':
      return (client) => client.kind === 'master';
    case 'replica':
    case 'slave':
      return (client) => client.kind === 'replica';
    case 'pubsub':
      return (client) => client.kind === 'pubsub';
    default:
      return undefined;
  }
}

const id: ServerCommand = command({
  ...facts,
  name: 'id',
  since: '5.0.0',
  arity: 2,
  flags: plain,
  summary: 'Returns the number of the connection.',
  run: (call: ServerCall) => call.reply.integer(call.client.id),
});

const getname: ServerCommand = command({
  ...facts,
  name: 'getname',
  since: '2.6.9',
  arity: 2,
  flags: plain,
  summary: 'Returns the name of the connection.',
  run(call: ServerCall) {
    if (call.client.name === '') call.reply.nil();
    else call.reply.bulkText(call.client.name);
  },
});

const setname: ServerCommand = command({
  ...facts,
  name: 'setname',
  since: '2.6.9',
  arity: 3,
  flags: plain,
  args: [str('connection-name')],
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  summary: 'Names the connection.',
  run(call: ServerCall) {
    const wrong = wrongName('Client names', call, 2);
    if (wrong !== undefined) {
      call.reply.error(wrong);
      return;
    }
    call.client.name = call.text(2);
    call.reply.ok();
  },
});

const setinfo: ServerCommand = command({
  ...facts,
  name: 'setinfo',
  since: '7.2.0',
  arity: 4,
  flags: plain,
  args: [oneof('attr', str('libname', { token: 'LIB-NAME' }), str('libver', { token: 'LIB-VER' }))],
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  summary: 'Tells which client library is used.',
  run(call: ServerCall) {
    const name = call.text(2).toLowerCase();
    const isKnown = name === 'lib-name' || name === 'lib-ver';
    const wrong = isKnown ? wrongName(call.shown(2), call, 3) : `ERR Unrecognized option '${call.shown(2)}'`;
    if (wrong !== undefined) call.reply.error(wrong);
    else {
      const value = call.text(3);
      if (name === 'lib-name') call.client.libraryName = value;
      else call.client.libraryVersion = value;
      call.reply.ok();
    }
  },
});

const info: ServerCommand = command({
  ...facts,
  name: 'info',
  since: '6.2.0',
  arity: 2,
  flags: plain,
  tips: ['nondeterministic_output'],
  summary: 'Describes the connection.',
  run: (call: ServerCall) => call.reply.verbatim(`${clientLine(call.host, call.client)}\n`),
});

interface Filters {
  readonly matches: (client: Client) => boolean;
  /** Numbers that were named with ID, in their order; undefined without ID. */
  readonly ids: readonly number[] | undefined;
  readonly skipMe: boolean;
}

/** A whole number of at least 1 at argument `index`; undefined after an error reply. */
function readPositive(call: ServerCall, index: number, notNumber: string, tooSmall: string): number | undefined {
  const number = call.integer(index);
  if (number >= 1) return number;
  call.reply.error(Number.isNaN(number) ? notNumber : tooSmall);
  return undefined;
}

/** Reads one filter besides ID and SKIPME; undefined after an error reply. */
function readFilter(call: ServerCall, index: number): ((client: Client) => boolean) | undefined {
  const text = call.text(index + 1);
  switch (call.text(index).toLowerCase()) {
    case 'maxage': {
      const seconds = readPositive(
        call,
        index + 1,
        'ERR maxage is not an integer or out of range',
        'ERR maxage should be greater than 0',
      );
      return seconds === undefined ? undefined : (client) => call.host.nowMs() - client.createdMs >= seconds * 1000;
    }
    case 'type': {
      const matches = kindOf(text.toLowerCase());
      if (matches === undefined) call.reply.error(`ERR Unknown client type '${call.shown(index + 1)}'`);
      return matches;
    }
    case 'addr':
      return (client) => client.remote === text;
    case 'laddr':
      return (client) => client.local === text;
    case 'user': {
      const user = call.host.acl.find(text);
      if (user === undefined) call.reply.error(`ERR No such user '${call.shown(index + 1)}'`);
      return user === undefined ? undefined : (client) => client.user === user;
    }
    default:
      call.reply.error(errors.syntax);
      return undefined;
  }
}

/** Reads the filters of CLIENT KILL and LIST from argument 2 on; undefined after an error reply. */
function readFilters(call: ServerCall, skipsMe: boolean, badId: string): Filters | undefined {
  const filters: ((client: Client) => boolean)[] = [];
  let ids: number[] | undefined;
  let skipMe = skipsMe;
  for (let index = 2; index < call.count; index += 2) {
    if (index + 1 === call.count) {
      call.reply.error(errors.syntax);
      return undefined;
    }
    if (call.is(index, 'id')) {
      const first = readPositive(call, index + 1, badId, badId);
      if (first === undefined) return undefined;
      ids ??= [];
      ids.push(first);
      // More numbers may follow the first.
      for (; index + 2 < call.count && !Number.isNaN(call.integer(index + 2)); index++) {
        const next = readPositive(call, index + 2, badId, badId);
        if (next === undefined) return undefined;
        ids.push(next);
      }
    } else if (call.is(index, 'skipme')) {
      skipMe = call.is(index + 1, 'yes');
      if (!skipMe && !call.is(index + 1, 'no')) {
        call.reply.error(errors.syntax);
        return undefined;
      }
    } else {
      const filter = readFilter(call, index);
      if (filter === undefined) return undefined;
      filters.push(filter);
    }
  }
  return { matches: (client) => filters.every((matches) => matches(client)), ids, skipMe };
}

/** The clients that pass the filters. */
function filtered(call: ServerCall, { matches, ids, skipMe }: Filters): Client[] {
  const { clients } = call.host;
  const candidates =
    ids === undefined
      ? [...clients.values()]
      : ids.map((id) => clients.get(id)).filter((client) => client !== undefined);
  return candidates.filter((client) => !(skipMe && client === call.client) && matches(client));
}

const list: ServerCommand = command({
  ...facts,
  name: 'list',
  since: '2.4.0',
  arity: -2,
  flags: admin,
  args: [
    optional({
      ...oneof('client-type', token('NORMAL'), token('MASTER'), token('REPLICA'), token('PUBSUB')),
      token: 'TYPE',
      since: '5.0.0',
    }),
    optional(many(int('client-id', { token: 'ID', since: '6.2.0' }))),
    optional(str('username', { token: 'USER', since: '8.1.0' })),
    optional(str('addr', { token: 'ADDR', display: 'ip:port', since: '8.1.0' })),
    optional(str('laddr', { token: 'LADDR', display: 'ip:port', since: '8.1.0' })),
    optional({ ...oneof('skipme', token('YES'), token('NO')), token: 'SKIPME', since: '8.1.0' }),
    optional(int('maxage', { token: 'MAXAGE', since: '8.1.0' })),
  ],
  history: [
    ['2.8.12', 'Added unique client `id` field.'],
    ['5.0.0', 'Added optional `TYPE` filter.'],
    ['6.0.0', 'Added `user` field.'],
    ['6.2.0', 'Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.'],
    ['7.0.0', 'Added `resp`, `multi-mem`, `rbs` and `rbp` fields.'],
    ['7.0.3', 'Added `ssub` field.'],
    ['7.2.0', 'Added `lib-name` and `lib-ver` fields.'],
    ['7.4.0', 'Added `watch` field.'],
    ['8.1.0', 'Added the `USER`, `ADDR`, `LADDR`, `SKIPME` and `MAXAGE` filters, alone and together.'],
  ],
  tips: ['nondeterministic_output'],
  complexity: 'O(N) where N is the number of connections.',
  summary: 'Describes all connections.',
  run(call: ServerCall) {
    const filters = readFilters(call, false, 'ERR Invalid client ID');
    if (filters === undefined) return;
    call.reply.verbatim(
      filtered(call, filters)
        .map((client) => `${clientLine(call.host, client)}\n`)
        .join(''),
    );
  },
});

function endClient(call: ServerCall, client: Client): void {
  if (client === call.client) client.connection?.closeAfterReply();
  else client.connection?.abandon();
}

const kill: ServerCommand = command({
  ...facts,
  name: 'kill',
  since: '2.4.0',
  arity: -3,
  flags: admin,
  args: [
    oneof(
      'filter',
      str('old-format', { display: 'ip:port', deprecatedSince: '2.8.12' }),
      many(
        oneof(
          'new-format',
          optional(many(int('client-id', { token: 'ID', since: '2.8.12' }))),
          optional({
            ...oneof(
              'client-type',
              token('NORMAL'),
              since('3.2.0', token('MASTER')),
              token('SLAVE'),
              since('5.0.0', token('REPLICA')),
              token('PUBSUB'),
            ),
            token: 'TYPE',
            since: '2.8.12',
          }),
          optional(str('username', { token: 'USER' })),
          optional(str('addr', { token: 'ADDR', display: 'ip:port' })),
          optional(str('laddr', { token: 'LADDR', display: 'ip:port', since: '6.2.0' })),
          optional({ ...oneof('skipme', token('YES'), token('NO')), token: 'SKIPME' }),
          optional(int('maxage', { token: 'MAXAGE', since: '7.4.0' })),
        ),
      ),
    ),
  ],
  history: [
    ['2.8.12', 'Added new filter format.'],
    ['2.8.12', '`ID` option.'],
    ['3.2.0', 'Added `master` type in for `TYPE` option.'],
    ['5.0.0', 'Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility.'],
    ['6.2.0', '`LADDR` option.'],
    ['7.4.0', '`MAXAGE` option.'],
    ['8.1.0', 'Several numbers after `ID`.'],
  ],
  complexity: 'O(N) where N is the number of connections.',
  summary: 'Closes connections.',
  run(call: ServerCall) {
    if (call.count === 3) {
      const address = call.text(2);
      const found = [...call.host.clients.values()].find((client) => client.remote === address);
      if (found === undefined) {
        call.reply.error(errors.noSuchClient);
        return;
      }
      call.reply.ok();
      endClient(call, found);
      return;
    }
    const filters = readFilters(call, true, 'ERR client-id should be greater than 0');
    if (filters === undefined) return;
    const chosen = new Set(filtered(call, filters));
    for (const client of chosen) endClient(call, client);
    call.reply.integer(chosen.size);
  },
});

const pause: ServerCommand = command({
  ...facts,
  name: 'pause',
  since: '3.0.0',
  arity: -3,
  flags: admin,
  args: [int('timeout'), optional(since('6.2.0', oneof('mode', token('WRITE'), token('ALL'))))],
  history: [['6.2.0', '`CLIENT PAUSE WRITE` mode added along with the `mode` option.']],
  summary: 'Puts commands off for a time.',
  run(call: ServerCall) {
    let mode: 'all' | 'write' = 'all';
    if (call.count === 4 && call.is(3, 'write')) mode = 'write';
    else if (call.count > 4) {
      unknownSubcommand(call, 'CLIENT');
      return;
    } else if (call.count === 4 && !call.is(3, 'all')) {
      call.reply.error('ERR CLIENT PAUSE mode must be WRITE or ALL');
      return;
    }
    const timeout = call.integer(2);
    if (Number.isNaN(timeout)) call.reply.error(errors.timeoutNotInteger);
    else if (timeout < 0) call.reply.error(errors.timeoutNegative);
    else {
      call.host.pause.begin(timeout, mode);
      call.reply.ok();
    }
  },
});

const unpause: ServerCommand = command({
  ...facts,
  name: 'unpause',
  since: '6.2.0',
  arity: 2,
  flags: admin,
  complexity: 'O(N) where N is the number of clients whose commands were put off.',
  summary: 'Ends a pause.',
  run(call: ServerCall) {
    call.host.pause.end();
    call.reply.ok();
  },
});

const reply: ServerCommand = command({
  ...facts,
  name: 'reply',
  since: '3.2.0',
  arity: 3,
  flags: plain,
  args: [oneof('action', token('ON'), token('OFF'), token('SKIP'))],
  summary: 'Decides whether this connection gets replies.',
  run(call: ServerCall) {
    const { client } = call;
    if (call.is(2, 'on')) {
      client.replyMode = 'on';
      client.gates &= ~Gate.SILENT;
      call.reply.ok();
    } else if (call.is(2, 'off')) {
      client.replyMode = 'off';
      client.gates |= Gate.SILENT;
    } else if (call.is(2, 'skip')) {
      if (client.replyMode !== 'off') {
        client.replyMode = 'skip';
        client.gates |= Gate.SILENT;
      }
    } else {
      call.reply.error(errors.syntax);
    }
  },
});

const unblock: ServerCommand = command({
  ...facts,
  name: 'unblock',
  since: '5.0.0',
  arity: -3,
  flags: admin,
  args: [int('client-id'), optional(oneof('unblock-type', token('TIMEOUT'), token('ERROR')))],
  summary: 'Ends the waiting of a client.',
  run(call: ServerCall) {
    let withError = false;
    if (call.count > 4) {
      unknownSubcommand(call, 'CLIENT');
      return;
    }
    if (call.count === 4 && call.is(3, 'error')) withError = true;
    else if (call.count === 4 && !call.is(3, 'timeout')) {
      call.reply.error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
      return;
    }
    const number = call.integer(2);
    if (Number.isNaN(number)) {
      call.reply.error(errors.notInteger);
      return;
    }
    const client = call.host.clients.get(number);
    call.reply.integer(client !== undefined && call.host.unblock(client, withError) ? 1 : 0);
  },
});

/** ON or OFF at argument 2; undefined after an error reply. */
function readSwitch(call: ServerCall): boolean | undefined {
  if (call.is(2, 'on')) return true;
  if (call.is(2, 'off')) return false;
  call.reply.error(errors.syntax);
  return undefined;
}

const onOff = [oneof('enabled', token('ON'), token('OFF'))];

const noEvict: ServerCommand = command({
  ...facts,
  name: 'no-evict',
  since: '7.0.0',
  arity: 3,
  flags: admin,
  args: onOff,
  summary: 'Keeps the connection when clients are closed for memory.',
  run(call: ServerCall) {
    const wanted = readSwitch(call);
    if (wanted === undefined) return;
    call.client.noEvict = wanted;
    call.reply.ok();
  },
});

const noTouch: ServerCommand = command({
  ...facts,
  name: 'no-touch',
  since: '7.2.0',
  arity: 3,
  flags: plain,
  args: onOff,
  summary: 'Decides whether reads of this connection count as use of keys.',
  run(call: ServerCall) {
    const wanted = readSwitch(call);
    if (wanted === undefined) return;
    if (wanted) call.client.gates |= Gate.NO_TOUCH;
    else call.client.gates &= ~Gate.NO_TOUCH;
    call.reply.ok();
  },
});

const help: ServerCommand = command({
  ...facts,
  name: 'help',
  since: '5.0.0',
  arity: 2,
  flags: ['loading', 'stale'],
  summary: 'Lists the subcommands.',
  run: (call: ServerCall) =>
    replyHelp(call, 'CLIENT', [
      ['CACHING (YES|NO)', 'Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.'],
      ['GETREDIR', 'Return the client ID we are redirecting to when tracking is enabled.'],
      ['GETNAME', 'Return the name of the current connection.'],
      ['ID', 'Return the ID of the current connection.'],
      ['INFO', 'Return information about the current client connection.'],
      ['KILL <ip:port>', 'Kill connection made from <ip:port>.'],
      [
        'KILL <option> <value> [<option> <value> [...]]',
        'Kill connections. Options are:',
        '* ADDR (<ip:port>|<unixsocket>:0)',
        '  Kill connections made from the specified address',
        '* LADDR (<ip:port>|<unixsocket>:0)',
        '  Kill connections made to specified local address',
        '* TYPE (NORMAL|MASTER|REPLICA|PUBSUB)',
        '  Kill connections by type.',
        '* USER <username>',
        '  Kill connections authenticated by <username>.',
        '* SKIPME (YES|NO)',
        '  Skip killing current connection (default: yes).',
        '* ID <client-id>',
        '  Kill connections by client id.',
        '* MAXAGE <maxage>',
        '  Kill connections older than the specified age.',
      ],
      [
        'LIST [options ...]',
        'Return information about client connections. Options:',
        '* TYPE (NORMAL|MASTER|REPLICA|PUBSUB)',
        '  Return clients of specified type.',
      ],
      ['UNPAUSE', 'Stop the current client pause, resuming traffic.'],
      ['PAUSE <timeout> [WRITE|ALL]', 'Suspend all, or just write, clients for <timeout> milliseconds.'],
      ['REPLY (ON|OFF|SKIP)', 'Control the replies sent to the current connection.'],
      ['SETNAME <name>', 'Assign the name <name> to the current connection.'],
      [
        'SETINFO <option> <value>',
        'Tell about the client. Options are:',
        '* LIB-NAME: the name of its library.',
        '* LIB-VER: the version of its library.',
      ],
      ['UNBLOCK <clientid> [TIMEOUT|ERROR]', 'Unblock the specified blocked client.'],
      [
        'TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]',
        '         [OPTIN] [OPTOUT] [NOLOOP]',
        'Control server assisted client side caching.',
      ],
      ['TRACKINGINFO', 'Report tracking status for the current connection.'],
      ['NO-EVICT (ON|OFF)', 'Protect current client connection from eviction.'],
      ['NO-TOUCH (ON|OFF)', 'Will not touch LRU/LFU stats when this mode is on.'],
    ]),
});

/** CLIENT, with the subcommands that a server adds for features of its own. */
export function makeClientCommand<C extends ServerCall>(own: readonly CommandDeclaration<C>[]): CommandDeclaration<C> {
  return command<C>({
    name: 'client',
    since: '2.4.0',
    group: 'connection',
    arity: -2,
    flags: [],
    summary: 'Commands about connections.',
    complexity: 'Depends on subcommand.',
    subcommands: [
      ...own,
      getname,
      help,
      id,
      info,
      kill,
      list,
      noEvict,
      noTouch,
      pause,
      reply,
      setinfo,
      setname,
      unblock,
      unpause,
    ],
  });
}
