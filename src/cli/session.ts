// session: one connection to a server and what a person at it expects to be kept: login, database, protocol, MULTI,
// subscriptions, the debugger, and the way to the right node of a cluster.
//
// A command that fails to get through never runs twice: the connection is looked at before the command is sent, and when
// it breaks afterwards the error is shown and only the next command connects anew.
import { Connection, ConnectionLost } from '../client/connection.js';
import type { CommandArgument } from '../client/encode-command.js';
import { ConnectError, type Endpoint } from '../client/open-stream.js';
import { isAggregate, isError, replyText, type AggregateReply, type Reply } from '../client/reply.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { readLeadingInteger } from '../base/c-numbers.js';
import type { Console } from './console.js';
import { lostText } from './modes/server-call.js';
import { Exit } from './exit.js';
import type { CliOptions } from './options.js';
import { makeReplyWriter, type ReplyWriter } from './output/reply-writer.js';
import type { Palette } from './output/standard.js';

/** The wait for a reply was given up (Ctrl-C). */
class Aborted extends Error {}

/** The kind of wait of a command decides how its replies are read. */
const subscribeCommands = ['subscribe', 'psubscribe', 'ssubscribe'];
const unsubscribeCommands = ['unsubscribe', 'punsubscribe', 'sunsubscribe'];

export class Session {
  connection: Connection | undefined;
  /** Commands come from a prompt or a stream of lines; a lost connection does not end the program then. */
  interactive = false;
  /** The prompt is at a terminal: messages of subscriptions are shown while the person types. */
  live = false;
  /** The database that the server has selected for this connection. */
  db = 0;
  inMulti = false;
  subscribed = false;
  monitoring = false;
  speaksResp3 = false;
  /** A script is being debugged on this connection. */
  debugging = false;
  /** The server ended the debugging session with the last reply. */
  debuggerEnded = false;
  /** Wraps what goes to stdout while a prompt is shown. */
  aroundOutput: (print: () => void) => void = (print) => print();
  /** Shows the reply to a command; a terminal may stop it page by page. */
  present: (reply: Reply, asText: boolean) => Promise<void> | void = (reply, asText) => this.show(reply, asText);
  /** When the last reply came, for the time that a command took. */
  repliedMs = 0;
  /** Called when the prompt may have changed. */
  onChange: () => void = () => undefined;
  readonly writer: ReplyWriter;
  private dbBeforeMulti = 0;
  private debugNextEval = false;
  private shuttingDown = false;
  private reissue = false;
  private sendAsking = false;
  private colorDebugLine: ((text: string) => string) | undefined;
  private issuing = false;
  private abortWait: (() => void) | undefined;
  private background: Promise<unknown> = Promise.resolve();

  constructor(
    readonly options: CliOptions,
    readonly console: Console,
    palette?: Palette,
  ) {
    this.writer = makeReplyWriter(options, palette, () => (this.debugging ? this.readDebugLine : undefined));
  }

  get endpoint(): Endpoint {
    const { options } = this;
    return {
      host: options.host,
      port: options.port,
      // A cluster redirects to an address, whatever way the first node was reached.
      path: this.reissue ? undefined : options.socketPath,
      family: options.family,
      timeoutMs: options.connectTimeoutMs,
      tls: options.tls
        ? {
            serverName: options.tlsServerName,
            caFile: options.tlsCaFile,
            caFolder: options.tlsCaFolder,
            certFile: options.tlsCertFile,
            keyFile: options.tlsKeyFile,
            ciphers: options.tlsCiphers,
            cipherSuites: options.tlsCipherSuites,
            insecure: options.tlsInsecure,
          }
        : undefined,
    };
  }

  get prompt(): string {
    if (this.debugging) return 'lua debugger> ';
    if (this.connection === undefined || this.connection.lost !== undefined) return 'not connected> ';
    const { options } = this;
    const host = options.host.includes(':') ? `[${options.host}]` : options.host;
    const where = options.socketPath !== undefined ? `redis ${options.socketPath}` : `${host}:${options.port}`;
    const db = this.db === 0 ? '' : `[${this.db}]`;
    return `${where}${db}${this.inMulti ? '(TX)' : ''}${this.subscribed ? '(subscribed mode)' : ''}> `;
  }

  /** Connects anew, logs in, selects the database and the protocol; what fails is said on stderr. */
  async connect(quiet = false): Promise<boolean> {
    const { options, console } = this;
    this.connection?.close();
    this.connection = undefined;
    this.db = 0;
    this.inMulti = false;
    this.subscribed = false;
    this.monitoring = false;
    this.speaksResp3 = false;
    try {
      this.connection = await Connection.open(this.endpoint);
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
      if (quiet) {
        // The caller does without a server.
      } else if (error.stage === 'tls') {
        console.complain(`Could not negotiate a TLS connection: ${error.message}\n`);
      } else {
        const where = this.endpoint.path ?? `${options.host}:${options.port}`;
        console.complain(`Could not connect to Redis at ${where}: ${error.message}\n`);
      }
      this.onChange();
      return false;
    }
    this.connection.onLost = () => this.onChange();
    this.connection.onPush = (push) => this.showPush(push);
    const ready = (await this.authenticate()) && (await this.selectDatabase()) && (await this.switchProtocol());
    this.onChange();
    return ready;
  }

  /** Connects or ends the program: for the modes that are nothing without a server. */
  async connectOrExit(): Promise<Connection> {
    if (!(await this.connect()) || this.connection === undefined) throw new Exit(1);
    return this.connection;
  }

  /** Runs a command as often as asked and prints its replies; false when it did not get through. */
  async issue(args: readonly Uint8Array[], repeat: number): Promise<boolean> {
    this.issuing = true;
    try {
      await this.background;
      return await this.issueAnywhere(args, repeat);
    } finally {
      this.issuing = false;
    }
  }

  /** Follows redirections of a cluster until a node has taken the command. */
  private async issueAnywhere(args: readonly Uint8Array[], repeat: number): Promise<boolean> {
    for (;;) {
      if (this.reissue || this.connection === undefined || this.connection.lost !== undefined) {
        const wasReissue = this.reissue;
        const connected = await this.connect();
        this.reissue = false;
        // Without a login the server itself says what it thinks of the command, as long as there is a connection.
        if (!connected && (this.connection === undefined || wasReissue)) return false;
      }
      if (this.sendAsking && !(await this.ask())) return false;
      if (!(await this.sendAndPrint(args, repeat))) return false;
      if (!this.reissue) return true;
    }
  }

  /**
   * Asks the server something for the prompt itself (names for completion, say), where that disturbs nothing; undefined
   * otherwise. The next command of the user waits until it is done.
   */
  async callInBackground(...args: CommandArgument[]): Promise<Reply | undefined> {
    await this.background;
    const { connection } = this;
    if (connection === undefined || connection.lost !== undefined) return undefined;
    if (this.issuing || this.inMulti || this.subscribed || this.monitoring || this.debugging) return undefined;
    const reply = connection.call(...args).catch(() => undefined);
    this.background = reply;
    return reply;
  }

  /** Gives up waiting for a reply, a message or MONITOR; false when nothing was waited for. */
  abort(): boolean {
    if (this.abortWait === undefined) return false;
    this.abortWait();
    return true;
  }

  /** Prints the messages that have come to a subscriber, or push messages, while nobody waits for a reply. */
  showArrived(): void {
    const { connection } = this;
    if (connection === undefined) return;
    for (let reply = connection.takeReply(); reply !== undefined; reply = connection.takeReply()) {
      if (this.subscribed) this.show(reply);
      else if (reply.kind === 'push') this.showPush(reply);
    }
  }

  /** Prints messages until the connection ends; only an interrupt or the server ends it. */
  async readMessages(): Promise<void> {
    while (this.subscribed) {
      const reply = await this.read();
      if (reply === undefined) return;
      this.show(reply);
      this.console.flush();
    }
  }

  /** The next reply, pushes included; undefined after an interrupt. A lost connection is reported (and ends a run). */
  async read(): Promise<Reply | undefined> {
    const { connection, console } = this;
    if (connection === undefined) return undefined;
    try {
      return await this.waitFor(connection.readReply());
    } catch (error) {
      if (error instanceof Aborted) {
        this.monitoring = false;
        await this.connect();
        return undefined;
      }
      if (!(error instanceof ConnectionLost)) throw error;
      connection.close();
      this.connection = undefined;
      this.inMulti = false;
      this.subscribed = false;
      this.monitoring = false;
      this.onChange();
      if (this.shuttingDown) return undefined;
      console.complain(`Error: ${error.message}\n`);
      if (!this.interactive || error.how === 'protocol') throw new Exit(1);
      return undefined;
    }
  }

  show(reply: Reply, asText = false): void {
    this.aroundOutput(() => this.writer.write(this.console, reply, asText));
  }

  private showPush(push: AggregateReply): void {
    if (!this.options.showPushes) return;
    this.aroundOutput(() => this.writer.writePush(this.console, push));
  }

  private async waitFor(reply: Promise<Reply>): Promise<Reply> {
    if (!this.live) return reply;
    const aborted = new Promise<never>((_resolve, reject) => {
      this.abortWait = () => reject(new Aborted());
    });
    try {
      return await Promise.race([reply, aborted]);
    } finally {
      this.abortWait = undefined;
      reply.catch(() => undefined); // after an interrupt nobody else hears of its failure
    }
  }

  private async callQuietly(...args: string[]): Promise<Reply | undefined> {
    try {
      return await this.connection!.call(...args);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      this.console.complain(lostText(error));
      this.connection?.close();
      this.connection = undefined;
      return undefined;
    }
  }

  private async authenticate(): Promise<boolean> {
    const { password, user } = this.options;
    if (password === undefined) return true;
    const reply = await this.callQuietly('AUTH', ...(user === undefined ? [] : [user]), password);
    if (reply !== undefined && isError(reply)) this.console.complainBytes(`AUTH failed: ${replyText(reply)}\n`);
    return reply !== undefined && !isError(reply);
  }

  private async selectDatabase(): Promise<boolean> {
    const { options } = this;
    if (options.db === this.db) return true;
    const reply = await this.callQuietly('SELECT', String(options.db));
    if (reply === undefined) return false;
    if (isError(reply)) {
      this.console.complainBytes(`SELECT ${options.db} failed: ${replyText(reply)}\n`);
      return false;
    }
    this.db = options.db;
    this.onChange();
    return true;
  }

  private async switchProtocol(): Promise<boolean> {
    const { options } = this;
    if (options.resp3 === 'off' || options.resp2) return true;
    const reply = await this.callQuietly('HELLO', '3');
    if (reply === undefined) return false;
    if (isError(reply)) {
      this.console.complainBytes(`HELLO 3 failed: ${replyText(reply)}\n`);
      return options.resp3 === 'tried';
    }
    this.speaksResp3 = true;
    return true;
  }

  private async ask(): Promise<boolean> {
    this.sendAsking = false;
    const reply = await this.callQuietly('ASKING');
    if (reply !== undefined && isError(reply)) this.console.complainBytes(`ASKING failed: ${replyText(reply)}\n`);
    return reply !== undefined && !isError(reply);
  }

  private async sendAndPrint(args: readonly Uint8Array[], repeat: number): Promise<boolean> {
    const words = args.map((argument) => Buffer.from(argument).toString('latin1').toLowerCase());
    const [command = '', second = ''] = words;
    const asText = isText(words);
    if (command === 'shutdown') this.shuttingDown = true;
    if (command === 'monitor') this.monitoring = true;
    if (command === 'script' && second === 'debug' && words.length === 3) {
      this.debugNextEval = words[2] === 'yes' || words[2] === 'sync';
    }
    if (command === 'eval' && this.debugNextEval) await this.enterDebugger();
    // Below zero: without end.
    for (let round = 0; repeat < 0 || round < repeat; round++) {
      try {
        this.connection!.send(args);
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        // The reader below tells how the connection ended.
      }
      if (command === 'sync' || command === 'psync') {
        const { runReplica } = await import('./modes/replica.js');
        this.console.write('Entering replica output mode...  (press Ctrl-C to quit)\n');
        this.console.flush();
        await runReplica(this, false);
        return false;
      }
      const again = this.monitoring ? await this.readMonitor() : await this.readAnswer(command, words, asText);
      if (again === 'failed') return false;
      if (again === 'stop') return true;
      if (this.options.intervalMs > 0) await sleep(this.options.intervalMs);
    }
    return true;
  }

  /** 'stop' ends a repetition without an error: the command goes to another node. */
  private async readAnswer(
    command: string,
    words: readonly string[],
    asText: boolean,
  ): Promise<'done' | 'stop' | 'failed'> {
    const subscribes = subscribeCommands.includes(command);
    let confirmations = subscribes || unsubscribeCommands.includes(command) ? Math.max(words.length - 1, 1) : 0;
    const showsState = this.interactive && this.console.formatsForTerminal; // the prompt tells it
    if (subscribes && !showsState && this.options.output !== 'raw') {
      this.console.write('Reading messages... (press Ctrl-C to quit)\n');
    }
    for (;;) {
      const reply = await this.read();
      if (reply === undefined) return this.shuttingDown ? 'stop' : 'failed';
      const confirms = confirmations > 0 && isMessage(reply, this.speaksResp3);
      if (reply.kind === 'push' && !confirms && !this.subscribed) {
        this.showPush(reply);
        continue;
      }
      if (this.redirect(reply)) return 'stop';
      if (isError(reply) && this.options.errorStatus && !this.interactive) {
        this.console.complainBytes(`${replyText(reply)}\n`);
        throw new Exit(1);
      }
      this.repliedMs = performance.now();
      await this.present(reply, asText);
      this.console.flush();
      if ((confirms || this.subscribed) && isMessage(reply, this.speaksResp3)) {
        const about = isAggregate(reply) ? replyText(reply.elements[0]).toLowerCase() : '';
        if (about !== command) continue; // a message of the subscription before
        if (subscribes && !this.subscribed) {
          this.subscribed = true;
          this.onChange();
        }
        if (--confirmations > 0) continue;
        if (!subscribes && isAggregate(reply) && replyText(reply.elements[2]) === '0') this.leaveSubscription();
      } else if (reply.kind === 'push') {
        continue;
      }
      await this.noteOutcome(command, words, reply);
      return 'done';
    }
  }

  private leaveSubscription(): void {
    this.subscribed = false;
    this.onChange();
  }

  private async readMonitor(): Promise<'done' | 'stop' | 'failed'> {
    while (this.monitoring) {
      const reply = await this.read();
      if (reply === undefined) return 'failed';
      this.show(reply);
      this.console.flush();
      if (isError(reply)) this.monitoring = false;
    }
    return 'stop';
  }

  /** Notes where a MOVED or ASK points to; true when the command has to be sent there. */
  private redirect(reply: Reply): boolean {
    if (!this.options.clusterMode || !isError(reply)) return false;
    const match = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(replyText(reply));
    if (match === null) return false;
    const { options } = this;
    if (match[3] !== '') options.host = match[3]!; // no host: the one that we speak to
    options.port = Number(match[4]);
    if (this.interactive) {
      this.console.write(`-> Redirected to slot [${match[2]}] located at ${options.host}:${options.port}\n`);
    }
    this.reissue = true;
    this.sendAsking = match[1] === 'ASK';
    this.onChange();
    return true;
  }

  /** Follows what commands do to the state of the connection. */
  private async noteOutcome(command: string, words: readonly string[], reply: Reply): Promise<void> {
    const failed = isError(reply);
    const { options } = this;
    if (command === 'select' && words.length === 2 && !failed) {
      this.db = options.db = readLeadingInteger(words[1]!);
    } else if (command === 'auth' && (words.length === 2 || words.length === 3)) {
      await this.selectDatabase();
    } else if (command === 'multi' && words.length === 1 && !failed) {
      this.inMulti = true;
      this.dbBeforeMulti = this.db;
    } else if (command === 'exec' && words.length === 1 && this.inMulti) {
      this.inMulti = false;
      if (failed || reply.kind === 'nil') this.db = options.db = this.dbBeforeMulti;
    } else if (command === 'discard' && words.length === 1 && !failed) {
      this.inMulti = false;
      this.db = options.db = this.dbBeforeMulti;
    } else if (command === 'reset' && words.length === 1 && !failed) {
      this.inMulti = false;
      this.db = options.db = 0;
      this.speaksResp3 = false;
      this.subscribed = false;
    } else if (command === 'hello' && (reply.kind === 'map' || reply.kind === 'array')) {
      this.speaksResp3 = reply.kind === 'map';
    }
    this.onChange();
  }

  async enterDebugger(): Promise<void> {
    const { colorDebugLine, wantsDebugColors } = await import('./output/debug-colors.js');
    if (wantsDebugColors()) this.colorDebugLine = colorDebugLine;
    this.debugging = true;
    this.options.output = 'raw';
  }

  /** The debugger answers with status lines; one of them ends the session. */
  private readonly readDebugLine = (text: string): string => {
    if (!text.startsWith('<endsession>')) return this.colorDebugLine?.(text) ?? text;
    this.debugNextEval = false;
    this.debugging = false;
    this.debuggerEnded = true;
    this.options.output = 'standard';
    this.onChange();
    return '';
  };
}

/** A message or confirmation of publish/subscribe. */
function isMessage(reply: Reply, resp3: boolean): boolean {
  if (reply.kind !== (resp3 ? 'push' : 'array') || reply.elements.length < 3) return false;
  const [first] = reply.elements;
  return first?.kind === 'bulk' && /(?:message|subscribe)$/.test(replyText(first));
}

const textAlways = ['info', 'lolwut'];
const textSubcommands: Record<string, readonly string[]> = {
  debug: ['htstats', 'htstats-key', 'client-eviction'],
  memory: ['malloc-stats', 'doctor'],
  client: ['list', 'info'],
  proxy: ['info'],
};

/** True for commands whose reply is a text for people rather than data. */
function isText(words: readonly string[]): boolean {
  const [command = '', second = ''] = words;
  if (textAlways.includes(command)) return true;
  if (textSubcommands[command]?.includes(second) === true) return true;
  if (command === 'cluster') return words.length === 2 && (second === 'nodes' || second === 'info');
  if (command === 'latency')
    return (words.length === 3 && second === 'graph') || (words.length === 2 && second === 'doctor');
  return false;
}
