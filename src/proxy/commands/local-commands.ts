// local-commands: commands that the proxy answers itself: the connection, the client list, INFO, CONFIG, COMMAND, its
// own PROXY.
//
// Each function writes one reply into the call's writer; the session sends it in its turn.

import { utf8 } from '../../base/bytes.js';
import { globMatches } from '../../base/glob.js';
import { KVASIR_VERSION, SERVER_VERSION } from '../../base/version.js';
import { errors, wrongArity } from '../../protocol/errors.js';
import type { Call } from '../../registry/call.js';
import type { CommandTable } from '../../registry/table.js';
import type { Plan } from '../routing/plan.js';
import type { Session } from '../session/session.js';
import { runClient } from './client-command.js';
import { onlineHelp, type OnlineHost, runOnlineCommand } from './online-command.js';

/** The proxy as the commands need it. */
export interface LocalHost extends OnlineHost {
  readonly table: CommandTable<never>;
  readonly sessions: ReadonlyMap<number, Session>;
  nowMs(): number;
  info(sections: readonly string[]): string;
  /** The settings for CONFIG GET. */
  settings(): ReadonlyMap<string, string>;
  /** CONFIG SET; the reason when it is refused. */
  set(name: string, value: string): string | undefined;
  resetStatistics(): void;
  /** Reads the configuration anew; resolves with its mistakes. */
  reload(): Promise<readonly string[]>;
  shutdown(): void;
  /** PROXY STATS: counters as JSON; PROXY METRICS: as Prometheus text. */
  statistics(): string;
  metrics(): string;
  /** One line for each server of the session's pool. */
  servers(session: Session): string;
  /** The client is this user now: a tenant uses the servers of another pool. */
  enterAs(session: Session, userName: string): void;
  /** Unsubscribes the client from everything. */
  forget(session: Session): void;
  /** The scheme's own answers (CLUSTER, SENTINEL); false when it has none. */
  runSchemeCommand(session: Session, plan: Plan, call: Call): boolean;
}

type LocalCommand = (host: LocalHost, session: Session, call: Call, plan: Plan) => void;

function authenticate(
  host: LocalHost,
  session: Session,
  name: string | undefined,
  password: string,
): string | undefined {
  const pool = session.home;
  if (pool.users !== undefined) {
    const user = pool.users.acl.authenticate(name ?? 'default', password);
    if (user === undefined) return errors.wrongPassword;
    session.user = user;
    session.isAuthenticated = true;
    host.enterAs(session, user.name);
    return undefined;
  }
  if (pool.password === undefined)
    return name === undefined || name === 'default'
      ? 'ERR Client sent AUTH, but no password is set'
      : errors.wrongPassword;
  if (password === pool.password && (name === undefined || name === 'default')) {
    session.isAuthenticated = true;
    return undefined;
  }
  // As twemproxy: a wrong password takes away what a right one gave.
  session.isAuthenticated = false;
  return name === undefined ? 'ERR invalid password' : errors.wrongPassword;
}

function auth(host: LocalHost, session: Session, call: Call): void {
  if (call.count > 3) {
    call.reply.error(errors.syntax);
    return;
  }
  const password = call.text(call.count - 1);
  const refusal = authenticate(host, session, call.count === 3 ? call.text(1) : undefined, password);
  if (refusal === undefined) call.reply.ok();
  else call.reply.error(refusal);
}

function hello(host: LocalHost, session: Session, call: Call): void {
  const { reply } = call;
  let protocol = session.protocol;
  let index = 1;
  if (call.count > 1) {
    const version = call.integer(index++);
    if (Number.isNaN(version)) {
      reply.error('ERR Protocol version is not an integer or out of range');
      return;
    }
    if (version !== 2 && version !== 3) {
      reply.error(errors.noProto);
      return;
    }
    protocol = version;
  }
  let name: string | undefined;
  while (index < call.count) {
    if (call.is(index, 'auth') && index + 2 < call.count) {
      const refusal = authenticate(host, session, call.text(index + 1), call.text(index + 2));
      if (refusal !== undefined) {
        reply.error(refusal);
        return;
      }
      index += 3;
    } else if (call.is(index, 'setname') && index + 1 < call.count) {
      name = call.text(index + 1);
      index += 2;
    } else {
      reply.error(`ERR Syntax error in HELLO option '${call.shown(index)}'`);
      return;
    }
  }
  if (!session.isAuthenticated) {
    reply.error(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
    );
    return;
  }
  if (name !== undefined) session.name = name;
  session.protocol = protocol;
  reply.protocol = protocol;
  reply.map(7);
  for (const [key, value] of [
    ['server', 'redis'],
    ['version', SERVER_VERSION],
  ] as const) {
    reply.bulkText(key);
    reply.bulkText(value);
  }
  reply.bulkText('proto');
  reply.integer(protocol);
  reply.bulkText('id');
  reply.integer(session.id);
  reply.bulkText('mode');
  reply.bulkText('standalone');
  reply.bulkText('role');
  reply.bulkText('master');
  reply.bulkText('modules');
  reply.array(0);
}

function select(_host: LocalHost, session: Session, call: Call): void {
  const index = call.integer(1);
  if (Number.isNaN(index)) call.reply.error(errors.notInteger);
  else if (index < 0 || index >= session.pool.databaseCount) call.reply.error(errors.databaseOutOfRange);
  else {
    session.databaseIndex = index;
    call.reply.ok();
  }
}

function ping(_host: LocalHost, session: Session, call: Call): void {
  const { reply } = call;
  if (call.count > 2) {
    reply.error(wrongArity('ping'));
  } else if (session.subscriptionCount > 0 && session.protocol === 2) {
    reply.array(2);
    reply.bulkText('pong');
    if (call.count === 2) call.replyArgument(1);
    else reply.bulkText('');
  } else if (call.count === 2) {
    call.replyArgument(1);
  } else {
    reply.pong();
  }
}

function reset(host: LocalHost, session: Session, call: Call): void {
  host.forget(session);
  for (const cleanUp of [...session.cleanUps]) cleanUp();
  session.cleanUps.clear();
  session.transaction = undefined;
  session.databaseIndex = 0;
  session.name = '';
  session.replyMode = 'on';
  session.isReadOnly = false;
  session.protocol = 2;
  session.user = undefined;
  session.isAuthenticated = !session.home.needsAuth;
  host.enterAs(session, '');
  call.reply.protocol = 2;
  call.reply.simple('RESET');
}

function config(host: LocalHost, session: Session, call: Call, plan: Plan): void {
  const { reply } = call;
  switch (plan.command.fullName) {
    case 'config|get': {
      const patterns: Uint8Array[] = [];
      for (let index = 1; index < call.count - 1; index++) patterns.push(utf8(call.text(index + 1).toLowerCase()));
      const found = [...host.settings()].filter(([name]) =>
        patterns.some((pattern) => globMatches(pattern, utf8(name))),
      );
      reply.map(found.length);
      for (const [name, value] of found) {
        reply.bulkText(name);
        reply.bulkText(value);
      }
      return;
    }
    case 'config|set':
      for (let index = 2; index + 1 < call.count; index += 2) {
        const refusal = host.set(call.text(index).toLowerCase(), call.text(index + 1));
        if (refusal !== undefined) {
          reply.error(refusal);
          return;
        }
      }
      reply.ok();
      return;
    case 'config|resetstat':
      host.resetStatistics();
      reply.ok();
      return;
    case 'config|rewrite':
      reply.error('ERR the proxy does not write its configuration file; edit it and call PROXY RELOAD');
      return;
    default:
      reply.array(1);
      reply.simple('CONFIG GET, SET and RESETSTAT are about the proxy');
  }
  void session;
}

function info(host: LocalHost, _session: Session, call: Call): void {
  const sections: string[] = [];
  for (let index = 1; index < call.count; index++) sections.push(call.text(index).toLowerCase());
  call.reply.verbatim(host.info(sections));
}

function proxy(host: LocalHost, session: Session, call: Call): void {
  const { reply } = call;
  const word = call.count > 1 ? call.text(1).toLowerCase() : 'help';
  if (runOnlineCommand(host, session, call, word)) return;
  switch (word) {
    case 'reload': {
      const sequence = session.order.take();
      void host.reload().then((mistakes) => {
        const text = mistakes.length === 0 ? '+OK\r\n' : `-ERR ${mistakes.join('; ').replace(/[\r\n]/g, ' ')}\r\n`;
        const bytes = utf8(text);
        session.takeReply(sequence, bytes, 0, bytes.length);
      });
      return;
    }
    case 'stats':
      reply.bulkText(host.statistics());
      return;
    case 'metrics':
      reply.bulkText(host.metrics());
      return;
    case 'servers':
      reply.verbatim(host.servers(session));
      return;
    case 'shutdown':
      reply.ok();
      host.shutdown();
      return;
    case 'version':
      reply.bulkText(KVASIR_VERSION);
      return;
    default: {
      const lines = [
        'PROXY <subcommand>. Subcommands are:',
        ...onlineHelp,
        'METRICS -- Counters as Prometheus text.',
        'RELOAD -- Read the configuration anew; clients stay connected.',
        'SERVERS -- One line for each server of this pool.',
        'SHUTDOWN -- End the proxy when all open requests are answered.',
        'STATS -- Counters as JSON, as on the statistics port.',
        'VERSION -- The version of the proxy.',
      ];
      if (word !== 'help') {
        reply.error(`ERR unknown subcommand '${call.shown(1)}'. Try PROXY HELP.`);
        return;
      }
      reply.array(lines.length);
      for (const line of lines) reply.simple(line);
    }
  }
}

function role(_host: LocalHost, _session: Session, call: Call): void {
  call.reply.array(3);
  call.reply.bulkText('master');
  call.reply.integer(0);
  call.reply.array(0);
}

function acl(_host: LocalHost, session: Session, call: Call, plan: Plan): void {
  const { reply } = call;
  const { users } = session.home;
  switch (plan.command.fullName) {
    case 'acl|whoami':
      reply.bulkText(session.user?.name ?? 'default');
      return;
    case 'acl|users':
    case 'acl|list': {
      const all = users?.acl.all() ?? [];
      const lines = plan.command.name === 'list' ? (users?.acl.describe() ?? []) : all.map((user) => user.name);
      reply.array(lines.length);
      for (const line of lines) reply.bulkText(line);
      return;
    }
    default:
      reply.error(
        `ERR the proxy does not support '${plan.command.fullName}': its users stand in its configuration, see PROXY RELOAD`,
      );
  }
}

function time(host: LocalHost, _session: Session, call: Call): void {
  const now = host.nowMs();
  call.reply.array(2);
  call.reply.bulkText(String(Math.floor(now / 1000)));
  call.reply.bulkText(String(Math.floor((now % 1000) * 1000)));
}

const commands: Readonly<Record<string, LocalCommand>> = {
  acl,
  asking: (_host, _session, call) => call.reply.ok(),
  auth,
  client: runClient,
  command(host, _session, call, plan) {
    const run = plan.command.run as unknown as ((call: Call) => void) | undefined;
    (call as Call<unknown, unknown>).host = host;
    if (run === undefined) call.reply.error(`ERR the proxy does not support '${plan.command.fullName}'`);
    else run(call);
  },
  config,
  echo: (_host, _session, call) => call.replyArgument(1),
  hello,
  info,
  ping,
  proxy,
  quit(_host, session, call) {
    call.reply.ok();
    session.closesSoon = true;
  },
  readonly: (_host, session, call) => {
    session.isReadOnly = true;
    call.reply.ok();
  },
  readwrite: (_host, session, call) => {
    session.isReadOnly = false;
    call.reply.ok();
  },
  reset,
  role,
  select,
  time,
};

/** Runs a command that the proxy answers itself. */
export function runLocalCommand(host: LocalHost, session: Session, plan: Plan, call: Call): void {
  const { reply } = call;
  reply.protocol = session.protocol;
  const top = plan.command.parent?.name ?? plan.command.name;
  const run = commands[top];
  if (!host.runSchemeCommand(session, plan, call)) {
    if (run === undefined)
      reply.error(`ERR the proxy does not support '${plan.command.fullName}': it is about one server, connect to that`);
    else if (plan.command.subcommands.size > 0 && call.count === 1 && top !== 'command' && top !== 'proxy')
      reply.error(wrongArity(top));
    else if (plan.command.subcommands.size > 0 && call.count > 1 && top !== 'proxy')
      reply.error(`ERR unknown subcommand '${call.shown(1)}'. Try ${top.toUpperCase()} HELP.`);
    else if (call.count < plan.command.countMin || call.count > plan.command.countMax)
      reply.error(wrongArity(plan.command.fullName));
    else run(host, session, call, plan);
  }
  if (reply.pendingBytes > 0) session.answer(reply.takeBytes());
  if (session.closesSoon) session.closeAfterReplies();
}
