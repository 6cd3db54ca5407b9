// dispatcher: from a request to its reply: finds the command, asks the gates, runs it, counts and times it.
//
// The life of a request:
//   1. `dispatch` finds the command by the bytes of its name and checks its arity.
//   2. The gates: one mask of the server's and the client's. 0 means: run. Else each gate whose bit is set is asked (gates.ts).
//   3. `runUngated` calls the command, which writes one reply, and counts it.
//   4. Messages that the request caused for its own client come after the reply.
// A command that throws is a bug: the client gets an error, the log gets the stack, and the server lives on.
//
// A kind of server extends this class and overrides `enter`, `leave`, `runUngated` and the other protected methods to
// add databases, effects and waiting clients. They are methods rather than lists of hooks because every command passes
// them.

import { errors, wrongArity } from '../../protocol/errors.js';
import { type DeferredLength, ReplyTooLarge, type ReplyWriter } from '../../protocol/reply.js';
import type { LogLevel } from '../../base/log-level.js';
import type { Clock } from '../../io/clock.js';
import type { RunCall, RunCommand } from '../call.js';
import { Call } from '../../registry/call.js';
import { type Command, commandFlags, fitsArity } from '../../registry/command.js';
import type { CommandTable } from '../../registry/table.js';
import { type Client, Gate } from '../clients/client.js';
import type { ClientEviction } from '../clients/client-eviction.js';
import type { Outbox } from '../clients/outbox.js';
import type { OutputLimits } from '../clients/output-limits.js';
import type { ServiceSettings } from '../config/settings.js';
import { stackOf } from '../process/stack.js';
import type { CommandStats } from '../watch/command-stats.js';
import { type Accounting, wireBytes } from './accounting.js';
import { askGates, type GateEntry, HELD, type Verdict } from './gates.js';
import type { Permissions } from './permissions.js';

/** Commands of constant time are timed once in so many, and count for all of them, when they are no longer rare. */
const SAMPLE_EVERY = 16;
const HTTP_WARNING_INTERVAL_MS = 60_000;

/** No more output than this never counts against the limit: in Redis it lies in a buffer of each client's own. */
const FREE_OUTPUT_BYTES = 16384;

const allowedWhileSubscribed = new Set([
  'subscribe',
  'ssubscribe',
  'psubscribe',
  'unsubscribe',
  'sunsubscribe',
  'punsubscribe',
  'ping',
  'quit',
  'reset',
]);

export abstract class Dispatcher<Database> {
  /** The one call that all requests of connections use. */
  readonly call: RunCall<Database> = new Call<Database, unknown, Client>();
  readonly places = this.call;
  readonly writer: ReplyWriter = this.call.reply;
  abstract readonly clock: Clock;
  abstract readonly stats: CommandStats;
  abstract readonly settings: ServiceSettings;
  abstract readonly permissions: Permissions;
  abstract readonly outbox: Outbox;
  abstract readonly outputLimits: OutputLimits;
  abstract readonly clientEviction: ClientEviction;
  protected abstract readonly accounting: Accounting;
  /** The server's own gates: bits of `Gate`. */
  gates = 0;
  /** Every command is timed; else those of constant time only now and then. */
  timesAll = false;
  /** Wall-clock time at which the present turn began. */
  turnMs = 0;
  /** Steady time at which the last measured command began. */
  startedMsOfCommand = 0;
  private sampleCounter = 0;
  private httpWarnedMs = -Infinity;

  constructor(readonly table: CommandTable<RunCall<Database>>) {
    this.call.host = this;
  }

  abstract log(level: LogLevel, text: string): void;
  /** The client as logs show it. */
  abstract describeClient(client: Client): string;

  // --- what a kind of server adds -----------------------------------------------------------------------------------

  /** All gates, in the order in which they are asked. */
  protected gateEntries: readonly GateEntry[] = this.serviceGates();

  /** A request of this client is about to be looked at: what the call needs besides the client. @hot */
  protected enter(_client: Client): void {}

  /** Whether a call may run although Gate.CLUSTER, and only it, is up: its keys are this node's. @hot */
  protected admits(_command: RunCommand<Database>): boolean {
    return false;
  }

  /** The request has run; its reply is complete but for messages. @hot */
  protected leave(): void {}

  /** The flags that count for this call of the command. */
  protected flagsOf(command: RunCommand<Database>): number {
    return command.flags;
  }

  /** The text of an error reply that takes the place of a command; the command will not run. */
  protected refusalOf(_client: Client, _command: RunCommand<Database>, text: string): string {
    return text;
  }

  /** A request that could not be understood or was refused came from this client. */
  protected requestRefused(_client: Client): void {}

  /** A request that did not run plainly has ended; `command` is undefined where there is none. */
  protected requestEnded(_client: Client, _command: RunCommand<Database> | undefined): void {}

  /** Whether the command that ran just now goes on later: it waits, or its script is parked. */
  protected isUnfinished(_call: RunCall<Database>): boolean {
    return false;
  }

  /** Whether an error that was written while this command ran is the command's own. */
  protected ownsError(_command: RunCommand<Database>, _text: string): boolean {
    return true;
  }

  // --- requests -----------------------------------------------------------------------------------------------------

  /** Runs the request in `call` for a client: the way of everything that comes from a socket. @hot */
  dispatch(client: Client): void {
    const { call, outbox } = this;
    client.lastInteractionMs = this.turnMs;
    outbox.serving = client;
    call.client = client;
    this.enter(client);
    const command = this.table.find(call.bytes, call.starts[0]!, call.lengths[0]!);
    const gates = this.gates | client.gates;
    if (
      command !== undefined &&
      (gates === 0 || gates === Gate.CLUSTER) &&
      command.runsByName &&
      fitsArity(command, call.count) &&
      (gates === 0 || this.admits(command))
    ) {
      call.command = command as Command<never>;
      client.lastCommand = command.fullName;
      client.commandCount++;
      this.runUngated(call, command);
    } else if ((client.gates & Gate.REPLICA) !== 0) {
      this.dispatchReplica(client, command);
    } else {
      this.dispatchWithCare(client, command);
    }
    this.leave();
    outbox.serving = undefined;
    if (outbox.hasOwnMessages) outbox.writeOwnMessages(client);
    if (this.clientEviction.isOn) {
      this.clientEviction.measure(client);
      this.clientEviction.check();
    }
  }

  /** As `dispatch`, for a replica: a reply would end up in the middle of its stream, so it is dropped. */
  private dispatchReplica(client: Client, found: RunCommand<Database> | undefined): void {
    const { writer } = this;
    const { pendingBytes, errorCount } = writer;
    this.dispatchWithCare(client, found);
    if (writer.pendingBytes <= pendingBytes) return;
    const name = client.lastCommand === '' ? '<unknown>' : client.lastCommand;
    if (writer.errorCount !== errorCount)
      this.log(
        'warning',
        `== CRITICAL == This master is sending an error to its replica: '${writer.lastError}' after processing the command '${name}'`,
      );
    this.log(
      'warning',
      `Replica generated a reply to command '${name}', disconnecting it: ${this.describeClient(client)}`,
    );
    writer.clear();
    client.connection?.destroy();
  }

  /** As `dispatch`, for requests that may be wrong, have subcommands, or must pass gates. */
  private dispatchWithCare(client: Client, found: RunCommand<Database> | undefined): void {
    const { call } = this;
    if (found === undefined && isHttp(call)) {
      this.refuseHttp(client);
      return;
    }
    const start = (client.gates & Gate.SILENT) === 0 ? undefined : call.reply.defer();
    const command = this.check(call, found);
    // The last request, even if it was refused or queued.
    client.lastCommand = command?.fullName ?? (found?.subcommands.size === 0 ? found.fullName : '');
    if (command === undefined) {
      this.requestRefused(client);
      this.stats.countErrorReply(call.reply.lastError);
      if (start !== undefined) this.silence(client, undefined, start);
      this.requestEnded(client, undefined);
      return;
    }
    call.command = command as Command<never>;
    const gates = this.gates | client.gates;
    if (gates === 0) {
      client.commandCount++;
      this.run(call, command);
      return;
    }
    this.dispatchGated(client, command, gates);
    if ((gates & Gate.TRACKING) !== 0) this.requestEnded(client, command);
    if (start !== undefined) this.silence(client, command, start);
  }

  private dispatchGated(client: Client, command: RunCommand<Database>, gates: number): void {
    const verdict = askGates(this.gateEntries, gates, client, command as Command<never>, this.flagsOf(command));
    if (verdict === undefined) {
      client.commandCount++;
      this.runGated(client, command, gates);
    } else if (verdict !== HELD) this.reject(client, command, verdict);
  }

  /** Runs a command that has passed the gates whose bits these are. */
  protected runGated(client: Client, command: RunCommand<Database>, gates: number): void {
    if ((gates & Gate.OUTPUT) !== 0 && client.kind === 'normal') this.runLimited(client, command);
    else this.run(this.call, command);
  }

  /** Replies with an error instead of running the command. */
  reject(client: Client, command: RunCommand<Database>, text: string): void {
    this.requestRefused(client);
    this.call.reply.error(this.refusalOf(client, command, text));
    this.stats.countRefused(command.id, text);
  }

  dispatchFailed(client: Client, error: unknown): void {
    this.log('warning', `Internal error while serving ${client.remote}: ${stackOf(error)}`);
    this.outbox.abandonRequest();
    client.connection?.closeAfterReply();
  }

  /** Bytes of the request that is being run for this client, as it came over the wire; 0 for others. */
  requestBytes(client: Client): number {
    return client === this.outbox.serving ? wireBytes(this.call) : 0;
  }

  /** Bytes of the arguments of the command that a client runs. */
  argumentBytes(client: Client): number {
    if (client !== this.outbox.serving) return 0;
    let bytes = 0;
    for (let index = 0; index < this.call.count; index++) bytes += this.call.lengths[index]!;
    return bytes;
  }

  // --- finding the command ------------------------------------------------------------------------------------------

  /** The command of a call, with its subcommand and arity checked; undefined after an error reply. */
  resolve(call: RunCall<Database>): RunCommand<Database> | undefined {
    return this.check(call, this.table.find(call.bytes, call.starts[0]!, call.lengths[0]!));
  }

  /** As `resolve`, when the table was asked for the name already. @hot */
  protected check(call: RunCall<Database>, found: RunCommand<Database> | undefined): RunCommand<Database> | undefined {
    let command = found;
    if (command === undefined) {
      replyUnknown(call);
      return undefined;
    }
    if (command.subcommands.size > 0 && call.count > 1) {
      const sub = command.subcommands.get(call.text(1).toLowerCase());
      if (sub === undefined) {
        const name = command.name.toUpperCase();
        call.reply.error(`ERR unknown subcommand '${clip(call.shown(1), 128)}'. Try ${name} HELP.`);
        return undefined;
      }
      command = sub;
    }
    if (!fitsArity(command, call.count) || command.run === undefined) {
      call.reply.error(this.refusalOf(call.client, command, wrongArity(command.fullName)));
      this.stats.countRefusal(command.id);
      return undefined;
    }
    return command;
  }

  /** A web page can make a browser send HTTP here: what follows the header must not run as commands. */
  private refuseHttp(client: Client): void {
    client.connection?.closeAfterReply();
    const nowMs = this.clock.steadyMs();
    if (nowMs - this.httpWarnedMs < HTTP_WARNING_INTERVAL_MS) return;
    this.httpWarnedMs = nowMs;
    this.log(
      'warning',
      `Possible SECURITY ATTACK: ${client.remote} sent HTTP (POST or Host:), as a browser does that a web page misuses to send commands. Connection closed.`,
    );
  }

  // --- running ------------------------------------------------------------------------------------------------------

  /** Runs a command, with everything that watches commands. */
  run(call: RunCall<Database>, command: RunCommand<Database>): void {
    this.runUngated(call, command);
  }

  /** Runs a command that nobody watches, and counts it. @hot */
  protected runUngated(call: RunCall<Database>, command: RunCommand<Database>): void {
    const { stats, settings } = this;
    const { errorCount, pendingBytes } = call.reply;
    if (this.timesAll || call.count > command.constantUpTo || stats.isRare(command.id)) {
      this.runTimed(call, command, 1);
    } else if ((++this.sampleCounter & (SAMPLE_EVERY - 1)) === 0) {
      this.runTimed(call, command, SAMPLE_EVERY);
    } else {
      try {
        command.run!(call);
      } catch (error) {
        this.replyCrash(call, command, error);
      }
    }
    // A command that waits is counted at its end, by the code that serves it.
    if ((call.client as Client | undefined)?.blocked !== true) stats.count(command.id);
    if (call.reply.errorCount !== errorCount && this.ownsError(command, call.reply.lastError))
      stats.countError(command.id, call.reply.lastError);
    // A large request has come in a large buffer, so that the others cost one comparison.
    if (
      call.bytes.length >= settings.largeRequestBytes ||
      call.reply.pendingBytes - pendingBytes >= settings.largeReplyBytes
    ) {
      this.accounting.recordLarge(call, command as Command<never>, call.reply.pendingBytes - pendingBytes);
    }
  }

  /** Runs a command and measures it; the measurement stands for `times` runs. */
  private runTimed(call: RunCall<Database>, command: RunCommand<Database>, times: number): void {
    const { clock } = this;
    const startMs = clock.steadyMs();
    this.startedMsOfCommand = startMs;
    try {
      command.run!(call);
    } catch (error) {
      this.replyCrash(call, command, error);
    }
    // It is measured when it has ended.
    if (this.isUnfinished(call)) return;
    this.accounting.account(call, command as Command<never>, (clock.steadyMs() - startMs) * 1000, times);
  }

  /**
   * Runs a command for a client whose output is limited: if all its replies together are too large, it is cut off without any,
   * even where its socket could take them. A command that only reads is stopped midway.
   */
  private runLimited(client: Client, command: RunCommand<Database>): void {
    const { reply } = this.call;
    const { hardBytes } = this.settings.outputLimits.normal;
    if (hardBytes > 0 && (command.flags & commandFlags.readonly) !== 0)
      reply.bytesMax = Math.max(hardBytes, FREE_OUTPUT_BYTES);
    this.run(this.call, command);
    reply.bytesMax = Infinity;
    const { connection } = client;
    if (connection === undefined) return;
    const bytes = reply.pendingBytes + connection.wire.unsentBytes;
    this.outputLimits.check(client, bytes <= FREE_OUTPUT_BYTES ? 0 : bytes);
    if (connection.isClosing) reply.clear();
  }

  /** Takes a reply back that CLIENT REPLY said not to give. */
  private silence(client: Client, command: RunCommand<Database> | undefined, start: DeferredLength): void {
    if (client.replyMode === 'on') return;
    // Confirmations of subscriptions are messages: they come whatever CLIENT REPLY says.
    const isMessage =
      command !== undefined && (command.flags & commandFlags.pubsub) !== 0 && command.name.endsWith('subscribe');
    if (!isMessage) this.call.reply.rewind(start);
    if (command?.fullName === 'client|reply' && client.replyMode === 'skip-next') {
      client.replyMode = 'skip';
    } else if (client.replyMode === 'skip') {
      client.replyMode = 'on';
      client.gates &= ~Gate.SILENT;
    }
  }

  private replyCrash(call: RunCall<Database>, command: RunCommand<Database>, error: unknown): void {
    // The owner of the limit ends the connection.
    if (error instanceof ReplyTooLarge) return;
    this.log('warning', `Internal error in ${command.fullName}: ${stackOf(error)}`);
    call.reply.error(
      `ERR internal error in '${command.fullName}': ${error instanceof Error ? error.message : String(error)}`,
    );
  }

  // --- gates that every server has ----------------------------------------------------------------------------------

  /** Authentication, permissions, and what a subscriber of RESP2 may do. */
  protected serviceGates(): readonly GateEntry[] {
    return [
      {
        bit: Gate.AUTH,
        check: (_client, _command, flags) => ((flags & commandFlags.no_auth) === 0 ? errors.noAuth : undefined),
      },
      { bit: Gate.ACL, check: (client, command) => this.permissions.refusal(client, command, this.call) },
      { bit: Gate.SUBSCRIBED, check: refuseSubscriber },
    ];
  }
}

function refuseSubscriber(client: Client, command: Command<never>): Verdict {
  if (client.protocol === 3 || allowedWhileSubscribed.has(command.name)) return undefined;
  return `ERR Can't execute '${command.fullName}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`;
}

function isHttp(call: Call<never, unknown, Client> | Call): boolean {
  if (call.lengths[0]! > 5) return false;
  const name = call.text(0).toLowerCase();
  return name === 'post' || name === 'host:';
}

function replyUnknown(call: Call<unknown, unknown, Client>): void {
  let shown = '';
  for (let index = 1; index < call.count && shown.length < 128; index++)
    shown += `'${clip(call.shown(index), 128 - shown.length)}' `;
  call.reply.error(`ERR unknown command '${clip(call.shown(0), 128)}', with args beginning with: ${shown}`);
}

function clip(text: string, length: number): string {
  return text.length > length ? text.slice(0, length) : text;
}
