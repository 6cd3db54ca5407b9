// context: what all commands of the manager share: where to print, how to reach nodes, and how to ask and change them.
//
// Every wait has an end, so that a node that hangs costs seconds and names itself. Everything that changes a node goes
// through `change`, which `--dry-run` turns into a line of output.
import { latin1Bytes } from '../base/bytes.js';
import type { RandomSource } from '../base/prng.js';
import { delay, type Clock } from '../io/clock.js';
import { ConnectionLost, type Connection } from '../client/connection.js';
import type { CommandArgument } from '../client/encode-command.js';
import { logIn, LoginError, type Login } from '../client/open-node.js';
import { ConnectError } from '../client/open-stream.js';
import { isError, replyText, type Reply } from '../client/reply.js';
import type { NodeAddress } from '../client/slot-map.js';
import type { ClusterNode } from './cluster-node.js';
import type { Dialect } from './dialect.js';
import type { ManagerOptions } from './options.js';
import { Output } from './output.js';
import type { ManagerTerminal } from './terminal.js';

/** The surroundings that the program gives to the manager. */
export interface ManagerEnvironment {
  readonly terminal: ManagerTerminal;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** Opens a connection, without a login. */
  readonly open: (address: NodeAddress) => Promise<Connection>;
  readonly login: Login;
  /** The IP address of a host name; rejects when it has none. */
  readonly resolve: (host: string) => Promise<string>;
  /** Becomes true when the person asks to stop (Ctrl-C); what is under way is finished first. */
  readonly interrupt: { readonly asked: boolean };
  readonly askPassword: (prompt: string) => Promise<string>;
}

/** A node does not answer any more. */
export class NodeLost extends Error {
  constructor(
    readonly node: ClusterNode,
    reason: string,
  ) {
    super(`Node ${node.name} does not answer: ${reason}`);
  }
}

const ok: Reply = { kind: 'status', bytes: latin1Bytes('OK') };

export class Context {
  readonly output: Output;
  /** Commands that `--dry-run` showed. */
  readonly wouldSend: string[] = [];
  private readonly answerMsMax: number;

  constructor(
    readonly environment: ManagerEnvironment,
    readonly options: ManagerOptions,
    readonly dialect: Dialect,
  ) {
    this.output = new Output(environment.terminal, options.json);
    this.answerMsMax = options.answerSeconds * 1000;
  }

  /** Connects and logs in, unless that is done; says on failure what failed. */
  async connect(node: ClusterNode): Promise<boolean> {
    if (node.connection !== undefined && node.connection.lost === undefined) return true;
    node.connection = undefined;
    let connection: Connection | undefined;
    try {
      connection = await this.environment.open(node);
      node.connection = connection;
      await this.inTime(node, logIn(connection, this.environment.login), this.answerMsMax);
      return true;
    } catch (error) {
      connection?.close();
      node.connection = undefined;
      if (error instanceof LoginError) this.replyError(node, error.message);
      else if (error instanceof ConnectError && error.stage === 'tls')
        this.output.complain(`TLS Error: ${error.message}\n`);
      else if (error instanceof ConnectError || error instanceof ConnectionLost || error instanceof NodeLost)
        this.output.complain(`Could not connect to Redis at ${node.name}: ${error.message}\n`);
      else throw error;
      return false;
    }
  }

  /** Asks a node something; error replies are replies. Throws NodeLost when none comes. */
  call(node: ClusterNode, ...args: CommandArgument[]): Promise<Reply> {
    return this.callWithin(node, this.answerMsMax, args);
  }

  async callWithin(node: ClusterNode, timeoutMs: number, args: readonly CommandArgument[]): Promise<Reply> {
    const { connection } = node;
    if (connection === undefined) throw new NodeLost(node, 'not connected');
    try {
      return await this.inTime(node, connection.call(...args), timeoutMs);
    } catch (error) {
      if (error instanceof ConnectionLost) throw new NodeLost(node, error.message);
      throw error;
    }
  }

  /** Sends many commands at once and waits for all replies. */
  async callMany(node: ClusterNode, commands: readonly (readonly CommandArgument[])[]): Promise<Reply[]> {
    const replies: Reply[] = [];
    for (let from = 0; from < commands.length; from += 1024) {
      const part = commands.slice(from, from + 1024);
      const settled = await Promise.allSettled(part.map((args) => this.callWithin(node, this.answerMsMax, args)));
      for (const result of settled) {
        if (result.status === 'rejected') throw result.reason;
        replies.push(result.value);
      }
    }
    return replies;
  }

  /** Asks a node that may be gone: undefined then. */
  async tryCall(node: ClusterNode, ...args: CommandArgument[]): Promise<Reply | undefined> {
    try {
      return await this.call(node, ...args);
    } catch (error) {
      if (!(error instanceof NodeLost)) throw error;
      return undefined;
    }
  }

  /** Asks a node to change something; with --dry-run says so only. */
  async change(node: ClusterNode, ...args: CommandArgument[]): Promise<Reply> {
    if (this.options.dryRun) {
      this.showChange(node, args);
      return ok;
    }
    return this.call(node, ...args);
  }

  showChange(node: ClusterNode, args: readonly CommandArgument[]): void {
    const words = args.map((word) => (typeof word === 'string' ? word : `(${word.length} bytes)`));
    const line = `${node.name}: ${shorten(words)}`;
    this.wouldSend.push(line);
    this.output.print(`[dry run] ${line}\n`);
  }

  /** True if the reply is none of an error; else prints it. */
  accepts(node: ClusterNode, reply: Reply): boolean {
    if (!isError(reply)) return true;
    this.replyError(node, replyText(reply));
    return false;
  }

  replyError(node: { readonly name: string }, text: string): void {
    this.output.error(`Node ${node.name} replied with error:\n${text}\n`);
  }

  pause(milliseconds: number): Promise<void> {
    return delay(this.environment.clock, milliseconds);
  }

  /** Asks to accept with `yes`. `always`: also with --cluster-yes. */
  async confirm(question: string, always = false): Promise<boolean> {
    if (this.options.dryRun) return true;
    if (!always && this.options.yes) return true;
    this.output.print(`${question} (type 'yes' to accept): `);
    return (await this.readAnswer()) === 'yes';
  }

  /** A line from standard input; undefined at its end. */
  async readAnswer(): Promise<string | undefined> {
    const { terminal } = this.environment;
    terminal.flush();
    return terminal.readLine();
  }

  private async inTime<T>(node: ClusterNode, answer: Promise<T>, timeoutMs: number): Promise<T> {
    let isLate = false;
    const timer = this.environment.clock.after(
      timeoutMs,
      () => {
        isLate = true;
        node.connection?.close(); // what comes later would answer the next question
      },
      true,
    );
    try {
      return await answer;
    } catch (error) {
      if (isLate && error instanceof ConnectionLost)
        throw new NodeLost(node, `no reply within ${Math.round(timeoutMs / 1000)} seconds`);
      throw error;
    } finally {
      timer.cancel();
    }
  }
}

/** Long commands (ADDSLOTS with thousands of slots) are cut. */
function shorten(words: readonly string[]): string {
  const text = words.map((word) => (word === '' ? '""' : word)).join(' ');
  return text.length <= 200 ? text : `${text.slice(0, 180)}... (${words.length} words)`;
}
