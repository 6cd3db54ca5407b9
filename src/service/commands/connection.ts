// connection: PING, ECHO, QUIT, HELLO, RESET and AUTH: the commands of a client about itself.

import type { Client } from '../clients/client.js';
import { command } from '../../registry/command.js';
import { block, int, optional, str } from '../../registry/grammar.js';
import { errors } from '../../protocol/errors.js';
import type { CallFor, ClientCall, CommandFor } from '../call.js';
import type { ServerMode } from '../host.js';
import { SERVER_VERSION } from '../../base/version.js';

/** The part of a server that these commands reach. */
export interface Host {
  readonly mode: ServerMode;
  readonly role: 'master' | 'replica';
  readonly requiresPassword: boolean;
  authenticate(client: Client, userName: string, password: string): boolean;
  resetClient(client: Client): void;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const freely = ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'] as const;

const ping: ServerCommand = command({
  name: 'ping',
  since: '1.0.0',
  group: 'connection',
  arity: -1,
  flags: ['fast'],
  args: [optional(str('message'))],
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  summary: 'Answers PONG, or with the given message.',
  complexity: 'O(1)',
  run(call) {
    if (call.count > 2) call.reply.error("ERR wrong number of arguments for 'ping' command");
    else if (call.client.kind === 'pubsub' && call.reply.protocol === 2) {
      call.reply.array(2);
      call.reply.bulkText('pong');
      if (call.count === 2) call.replyArgument(1);
      else call.reply.bulkText('');
    } else if (call.count === 2) call.replyArgument(1);
    else call.reply.pong();
  },
});

const echo: ServerCommand = command({
  name: 'echo',
  since: '1.0.0',
  group: 'connection',
  arity: 2,
  flags: ['fast', 'loading', 'stale'],
  args: [str('message')],
  summary: 'Returns the given string.',
  complexity: 'O(1)',
  run: (call) => call.replyArgument(1),
});

const quit: ServerCommand = command({
  name: 'quit',
  since: '1.0.0',
  group: 'connection',
  arity: -1,
  flags: [...freely],
  summary: 'Closes the connection.',
  complexity: 'O(1)',
  deprecatedSince: '7.2.0',
  replacedBy: 'just closing the connection',
  docFlags: ['deprecated'],
  run(call) {
    call.reply.ok();
    call.client.connection?.closeAfterReply();
  },
});

function runHello(call: ServerCall): void {
  let index = 1;
  let protocol: 2 | 3 = call.client.protocol;
  if (call.count > 1) {
    const version = call.integer(index++);
    if (Number.isNaN(version)) {
      call.reply.error('ERR Protocol version is not an integer or out of range');
      return;
    }
    if (version !== 2 && version !== 3) {
      call.reply.error(errors.noProto);
      return;
    }
    protocol = version;
  }
  let name: string | undefined;
  let credentials: readonly [string, string] | undefined;
  while (index < call.count) {
    if (call.is(index, 'auth') && index + 2 < call.count) {
      credentials = [call.text(index + 1), call.text(index + 2)];
      index += 3;
    } else if (call.is(index, 'setname') && index + 1 < call.count) {
      const wrong = wrongName('Client names', call, index + 1);
      if (wrong !== undefined) {
        call.reply.error(wrong);
        return;
      }
      name = call.text(index + 1);
      index += 2;
    } else {
      call.reply.error(`ERR Syntax error in HELLO option '${call.shown(index)}'`);
      return;
    }
  }
  if (credentials !== undefined && !call.host.authenticate(call.client, credentials[0], credentials[1])) {
    call.reply.error(errors.wrongPassword);
    return;
  }
  if (!call.client.authenticated) {
    call.reply.error(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    );
    return;
  }
  if (name !== undefined) call.client.name = name;
  call.client.protocol = protocol;
  call.reply.protocol = protocol;
  const { reply } = call;
  // A sentinel has no role.
  const hasRole = call.host.mode !== 'sentinel';
  reply.map(hasRole ? 7 : 6);
  reply.bulkText('server');
  reply.bulkText('redis');
  reply.bulkText('version');
  reply.bulkText(SERVER_VERSION);
  reply.bulkText('proto');
  reply.integer(protocol);
  reply.bulkText('id');
  reply.integer(call.client.id);
  reply.bulkText('mode');
  reply.bulkText(call.host.mode);
  if (hasRole) {
    reply.bulkText('role');
    reply.bulkText(call.host.role);
  }
  reply.bulkText('modules');
  reply.array(0);
}

/** Names are shown in lists of words, so they hold printable ASCII without spaces. */
function isClientName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

/** Names are kept for as long as the client is connected, and every log line about it shows them. */
const NAME_BYTES_MAX = 4096;

/** Why an argument cannot be the name of a client or of its library; undefined where it can. `what` is how the error begins. */
export function wrongName(what: string, call: ClientCall, index: number): string | undefined {
  if (call.lengths[index]! > NAME_BYTES_MAX) return `ERR ${what} cannot be longer than ${NAME_BYTES_MAX} bytes.`;
  if (!isClientName(call.text(index))) return `ERR ${what} cannot contain spaces, newlines or special characters.`;
  return undefined;
}

const hello: ServerCommand = command({
  name: 'hello',
  since: '6.0.0',
  group: 'connection',
  arity: -1,
  flags: [...freely],
  args: [
    optional(
      block(
        'arguments',
        int('protover'),
        optional({ ...block('auth', str('username'), str('password')), token: 'AUTH' }),
        optional(str('clientname', { token: 'SETNAME' })),
      ),
    ),
  ],
  history: [
    [
      '6.2.0',
      "`protover` made optional; when called without arguments the command reports the current connection's context.",
    ],
  ],
  summary: 'Greets the server: chooses the protocol, authenticates, names the connection.',
  complexity: 'O(1)',
  run: runHello,
});

const reset: ServerCommand = command({
  name: 'reset',
  since: '6.2.0',
  group: 'connection',
  arity: 1,
  flags: [...freely],
  summary: 'Makes the connection as it was when it was opened.',
  complexity: 'O(1)',
  run(call) {
    call.host.resetClient(call.client);
    call.reply.protocol = call.client.protocol;
    call.reply.simple('RESET');
  },
});

const auth: ServerCommand = command({
  name: 'auth',
  since: '1.0.0',
  group: 'connection',
  arity: -2,
  flags: [...freely],
  args: [optional(str('username', { since: '6.0.0' })), str('password')],
  history: [['6.0.0', 'Added ACL style (username and password).']],
  summary: 'Authenticates the connection.',
  complexity: 'O(N) where N is the number of passwords of the user.',
  run(call) {
    const { host, client } = call;
    if (call.count > 3) {
      call.reply.error(errors.syntax);
      return;
    }
    if (call.count === 2 && !host.requiresPassword) {
      call.reply.error(
        'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
      );
      return;
    }
    const name = call.count === 2 ? 'default' : call.text(1);
    if (host.authenticate(client, name, call.text(call.count - 1))) call.reply.ok();
    else call.reply.error(errors.wrongPassword);
  },
});

export const connectionCommands: readonly ServerCommand[] = [ping, echo, quit, hello, reset, auth];
