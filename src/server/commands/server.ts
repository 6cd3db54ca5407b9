// server: TIME, LASTSAVE's neighbours, MONITOR, SHUTDOWN, ROLE, LOLWUT: the server as a whole.

import type { ReplicationPort } from '../replication-port.js';
import type { LateReply } from '../../service/host.js';
import type { Scripting } from '../scripting/scripting.js';
import type { Monitors } from '../../service/watch/monitors.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Clock } from '../../io/clock.js';
import type { Keyspace } from '../../keyspace/keyspace.js';
import { command } from '../../registry/command.js';
import { int, many, oneof, optional, since, str, token } from '../../registry/grammar.js';
import { errors } from '../../protocol/errors.js';
import type { CallFor, CommandFor } from '../call.js';
import type { Shutdown } from '../shutdown.js';
import { KVASIR_VERSION, SERVER_VERSION } from '../../base/version.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly replication: ReplicationPort | undefined;
  readonly keyspace: Keyspace;
  readonly clock: Clock;
  readonly depth: number;
  readonly monitors: Monitors;
  readonly scripting: Scripting;
  pendingShutdown: (() => void) | undefined;
  log(level: LogLevel, text: string): void;
  nowMs(): number;
  readonly shutdown: Pick<Shutdown, 'begin' | 'abort'>;
  suspend(call: ServerCall): LateReply;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const time: ServerCommand = command({
  name: 'time',
  since: '2.6.0',
  group: 'server',
  arity: 1,
  flags: ['loading', 'stale', 'fast'],
  tips: ['nondeterministic_output'],
  summary: "Returns the server's time: seconds since 1970 and microseconds.",
  complexity: 'O(1)',
  run(call) {
    // Inside a transaction or script time stands still, as keys must not expire between two of its commands.
    const standsStill = call.host.depth > 0;
    const nowMs = standsStill ? call.host.nowMs() : call.host.clock.wallMs();
    const micros = standsStill ? 0 : Math.floor(call.host.clock.steadyMs() * 1000) % 1000;
    call.reply.array(2);
    call.reply.bulkText(String(Math.floor(nowMs / 1000)));
    call.reply.bulkText(String((nowMs % 1000) * 1000 + micros));
  },
});

const monitor: ServerCommand = command({
  name: 'monitor',
  since: '1.0.0',
  group: 'server',
  arity: 1,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  summary: 'Shows every command that the server runs from now on.',
  complexity: 'O(1); every command then costs a line for each monitor.',
  run(call) {
    if (call.denyBlocking) {
      call.reply.error("ERR MONITOR isn't allowed for DENY BLOCKING client");
      return;
    }
    call.host.monitors.add(call.client);
    call.reply.ok();
  },
});

function abortShutdown(call: ServerCall): void {
  const { host } = call;
  if (host.pendingShutdown !== undefined) {
    host.pendingShutdown = undefined;
    host.log('notice', 'Shutdown manually aborted.');
  } else if (!host.shutdown.abort()) {
    call.reply.error(errors.noShutdown);
    return;
  }
  call.reply.ok();
}

const shutdown: ServerCommand = command({
  name: 'shutdown',
  since: '1.0.0',
  group: 'server',
  arity: -1,
  flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'allow_busy'],
  args: [
    optional(oneof('save-selector', token('NOSAVE'), token('SAVE'))),
    optional(since('7.0.0', token('NOW'))),
    optional(since('7.0.0', token('FORCE'))),
    optional(since('7.0.0', token('ABORT'))),
    optional(since('9.0.0', token('FAILOVER'))),
  ],
  history: [
    ['7.0.0', 'Added the `NOW`, `FORCE` and `ABORT` modifiers.'],
    ['9.0.0', 'Added the `FAILOVER` modifier.'],
  ],
  summary: 'Saves the data set, as configured or asked for, and ends the server.',
  complexity: 'O(N) when saving, where N is the number of keys.',
  run(call) {
    let save: boolean | undefined;
    let now = false;
    let force = false;
    let abort = false;
    let failover = false;
    for (let index = 1; index < call.count; index++) {
      if (call.is(index, 'nosave') && save === undefined) save = false;
      else if (call.is(index, 'save') && save === undefined) save = true;
      else if (call.is(index, 'now')) now = true;
      else if (call.is(index, 'force')) force = true;
      else if (call.is(index, 'abort')) abort = true;
      else if (call.is(index, 'failover')) failover = true;
      else {
        call.reply.error(errors.syntax);
        return;
      }
    }
    if (abort && call.count > 2) {
      call.reply.error(errors.syntax);
      return;
    }
    if (abort) {
      abortShutdown(call);
      return;
    }
    if (save !== false && call.host.scripting.parked.isBusy) {
      call.reply.error(call.host.scripting.parked.busyText);
      return;
    }
    const late = call.host.suspend(call);
    const failed = (): void => late.resume((reply) => reply.error('ERR Errors trying to SHUTDOWN. Check logs.'));
    call.host.shutdown.begin({ save, now, force, failover }).then((refusal) => {
      if (refusal !== undefined) failed();
    }, failed);
  },
});

const lolwut: ServerCommand = command({
  name: 'lolwut',
  since: '5.0.0',
  group: 'server',
  arity: -1,
  flags: ['readonly', 'fast'],
  args: [optional(int('version', { token: 'VERSION' })), optional(many(str('parameter')))],
  summary: 'Draws a picture and tells the version.',
  run(call) {
    const columns = 40;
    const rows = 8;
    const lines: string[] = [];
    const { random } = call.host.keyspace;
    // Runes on a stone: each a staff with twigs, drawn anew each time.
    const runes = 'ᚠᚢᚦᚨᚱᚲᚷᚹᚺᚾᛁᛃᛇᛈᛉᛊᛏᛒᛖᛗᛚᛜᛞᛟ';
    for (let row = 0; row < rows; row++) {
      let line = '';
      const inset = Math.abs(row - (rows - 1) / 2);
      for (let column = 0; column < columns; column++) {
        const inside = column >= inset * 2 && column < columns - inset * 2;
        line += inside && random.below(3) > 0 ? runes[random.below(runes.length)]! : ' ';
      }
      lines.push(line.trimEnd());
    }
    call.reply.verbatim(`${lines.join('\n')}\nRedis ver. ${SERVER_VERSION} (Kvasir ${KVASIR_VERSION})\n`);
  },
});

export const role: ServerCommand = command({
  name: 'role',
  since: '2.8.12',
  group: 'server',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'fast'],
  categories: ['admin', 'dangerous'],
  summary: 'Returns the part that the server plays in replication.',
  complexity: 'O(1)',
  run(call: ServerCall) {
    const { replication } = call.host;
    if (replication !== undefined) {
      replication.writeRole(call);
      return;
    }
    call.reply.array(3);
    call.reply.bulkText('master');
    call.reply.integer(0);
    call.reply.array(0);
  },
});

export const wholeServerCommands: readonly ServerCommand[] = [time, monitor, shutdown, lolwut, role];
