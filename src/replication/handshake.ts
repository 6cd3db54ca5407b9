// handshake: a replica's words to its master until the data comes: a state machine of lines.
//
//   PING ─> [AUTH] ─> [REPLCONF listening-port] ─> [REPLCONF ip-address] ─> REPLCONF capa eof capa psync2 [capa rdb-channel-repl]
//        ─> REPLCONF version ─> PSYNC id offset ─> full | continue | channel | (SYNC ─> full) | retry
//
// The master answers each with one line. Old masters do not know REPLCONF's options or PSYNC: an error to the former is
// ignored, the latter falls back to SYNC. The second connection, on which the data comes after `channel`, says less:
//
//   [AUTH] ─> REPLCONF capa eof rdb-only 1 rdb-channel 1 main-ch-client-id N listening-port P ─> PSYNC ? -1 ─> full

import { NO_ID, type ReplicationId } from './psync.js';

export interface HandshakeOptions {
  readonly user: string;
  readonly password: string;
  /** The port that clients of the replica connect to. */
  readonly announcedPort: number;
  /** Empty: the master takes the address of the connection. */
  readonly announcedAddress: string;
  readonly version: string;
  /** The history that the replica has, and the offset, counted from 1, at which it wants to go on; `?` and -1 for none. */
  readonly id: ReplicationId | '?';
  readonly offset: number;
  /** The master is to make itself one before it answers (FAILOVER). */
  readonly isFailover?: boolean;
  /** The data may come over a connection of its own. */
  readonly takesChannel?: boolean;
  /** This is that connection, and the first one has this number at the master. */
  readonly mainClientId?: string;
}

/** What the second connection needs of them. */
export type ChannelOptions = Pick<HandshakeOptions, 'user' | 'password' | 'announcedPort'>;

export type HandshakeStep =
  | { readonly kind: 'send'; readonly command: readonly string[] }
  /** Empty lines keep the connection alive. */
  | { readonly kind: 'wait' }
  /** The whole data set comes next. `id` and `offset` are unknown with SYNC. */
  | { readonly kind: 'full'; readonly id: ReplicationId | undefined; readonly offset: number }
  /** The data comes over a second connection, which names this one by its number at the master; the stream comes over this one. */
  | { readonly kind: 'channel'; readonly mainClientId: string }
  /** The stream goes on; with a new id, the master's history has another name now. */
  | { readonly kind: 'continue'; readonly id: ReplicationId | undefined }
  /** The connection is of no use; `reason` is for the log. */
  | { readonly kind: 'fail'; readonly reason: string; readonly isRefusal?: boolean };

type Stage = 'ping' | 'auth' | 'port' | 'address' | 'capabilities' | 'version' | 'channel' | 'psync' | 'sync';

const ID_PATTERN = /^[0-9a-f]{40}$/i;

export class Handshake {
  private stage: Stage = 'ping';

  constructor(private readonly options: HandshakeOptions) {}

  /** Of the second connection. */
  static ofChannel(options: ChannelOptions, mainClientId: string): Handshake {
    const nothing = { announcedAddress: '', version: '', id: '?', offset: -1 } as const;
    return new Handshake({ ...nothing, ...options, mainClientId });
  }

  /** The first command. */
  begin(): HandshakeStep {
    if (this.options.mainClientId === undefined) return { kind: 'send', command: ['PING'] };
    return this.options.password === '' ? this.announcePort() : this.authenticate();
  }

  /** Where we wanted to go on, for messages; undefined: we have nothing to go on with. */
  get asked(): string | undefined {
    const { id, offset } = this.options;
    return id === '?' ? undefined : `${id}:${offset}`;
  }

  /** The name of the step whose answer is waited for, for messages. */
  get waitsFor(): string {
    return this.stage === 'psync' || this.stage === 'sync' ? this.stage.toUpperCase() : `answer to ${this.stage}`;
  }

  /** A line of the master, without its end. */
  take(line: string): HandshakeStep {
    if (line === '') return { kind: 'wait' };
    const isError = line.startsWith('-');
    switch (this.stage) {
      case 'ping':
        if (isError && !/^-(NOAUTH|NOPERM|ERR operation not permitted)/.test(line))
          return fail(`Error reply to PING from master: '${shown(line)}'`);
        return this.options.password === '' ? this.announcePort() : this.authenticate();
      case 'auth':
        return isError ? fail(`Unable to AUTH to MASTER: ${shown(line)}`) : this.announcePort();
      case 'port':
        return this.options.announcedAddress === '' ? this.announceCapabilities() : this.announceAddress();
      case 'address':
        return this.announceCapabilities();
      case 'capabilities':
        this.stage = 'version';
        return send('REPLCONF', 'version', this.options.version);
      case 'version':
        return this.askToSync();
      case 'channel':
        return isError ? fail(`the master takes no connection for the data: ${shown(line)}`) : this.askToSync();
      case 'psync':
        if (isError && this.options.isFailover === true)
          return { ...fail(`the master refuses the failover: ${shown(line)}`), isRefusal: true };
        return this.takePsyncReply(line, isError);
      case 'sync':
        return fail(`unexpected line instead of the data: '${shown(line)}'`);
    }
  }

  private authenticate(): HandshakeStep {
    const { user, password } = this.options;
    this.stage = 'auth';
    return user === '' ? send('AUTH', password) : send('AUTH', user, password);
  }

  private askToSync(): HandshakeStep {
    const { id, offset, isFailover } = this.options;
    this.stage = 'psync';
    return send('PSYNC', id, String(offset), ...(isFailover === true ? ['FAILOVER'] : []));
  }

  private announcePort(): HandshakeStep {
    const { mainClientId } = this.options;
    const port = ['listening-port', String(this.options.announcedPort)];
    if (mainClientId !== undefined) {
      this.stage = 'channel';
      // Without the first four words Redis 8 would write a file and keep the stream for this connection too.
      const wishes = ['capa', 'eof', 'rdb-only', '1', 'rdb-channel', '1'];
      return send('REPLCONF', ...wishes, 'main-ch-client-id', mainClientId, ...port);
    }
    this.stage = 'port';
    return send('REPLCONF', ...port);
  }

  private announceAddress(): HandshakeStep {
    this.stage = 'address';
    return send('REPLCONF', 'ip-address', this.options.announcedAddress);
  }

  private announceCapabilities(): HandshakeStep {
    this.stage = 'capabilities';
    const more = this.options.takesChannel === true ? ['capa', 'rdb-channel-repl'] : [];
    return send('REPLCONF', 'capa', 'eof', 'capa', 'psync2', ...more);
  }

  private takePsyncReply(line: string, isError: boolean): HandshakeStep {
    const words = line.split(' ');
    if (words[0] === '+FULLRESYNC') {
      const [, id = '', offset = ''] = words;
      if (!ID_PATTERN.test(id) || !/^\d{1,16}$/.test(offset) || !Number.isSafeInteger(Number(offset)))
        return fail(`the master's reply to PSYNC has a wrong syntax: '${shown(line)}'`);
      return { kind: 'full', id: id.toLowerCase(), offset: Number(offset) };
    }
    if (words[0] === '+RDBCHANNELSYNC' && this.options.takesChannel === true) {
      const [, mainClientId = ''] = words;
      if (!/^\d{1,20}$/.test(mainClientId))
        return fail(`the master's reply to PSYNC has a wrong syntax: '${shown(line)}'`);
      return { kind: 'channel', mainClientId };
    }
    if (words[0] === '+CONTINUE') {
      const id = words[1];
      if (this.options.id === '?') return fail('the master goes on with a history that was not asked for');
      if (id === undefined || id === '') return { kind: 'continue', id: undefined };
      if (!ID_PATTERN.test(id) || id === NO_ID)
        return fail(`the master's reply to PSYNC has a wrong syntax: '${shown(line)}'`);
      return { kind: 'continue', id: id.toLowerCase() };
    }
    if (/^-(NOMASTERLINK|LOADING|MASTERDOWN|BUSY)/.test(line))
      return fail(`the master is not able to serve replicas right now: ${shown(line)}`);
    if (!isError) return fail(`unexpected reply to PSYNC from master: '${shown(line)}'`);
    if (/^-(NOPERM|NOAUTH)/.test(line)) return fail(`the master does not allow PSYNC: ${shown(line)}`);
    if (this.options.mainClientId !== undefined) return fail(`the master sends no data: ${shown(line)}`);
    // A master from before 2.8.
    this.stage = 'sync';
    return { kind: 'send', command: ['SYNC'] };
  }

  /** SYNC was sent: the data comes without another line. */
  get isSync(): boolean {
    return this.stage === 'sync';
  }
}

function send(...command: string[]): HandshakeStep {
  return { kind: 'send', command };
}

function fail(reason: string): { readonly kind: 'fail'; readonly reason: string } {
  return { kind: 'fail', reason };
}

const SHOWN_LENGTH = 128;

/** A line of a peer as a log may show it: printable, and not without end. */
function shown(line: string): string {
  const text = line.replace(/[^\x20-\x7e]/g, '?');
  return text.length <= SHOWN_LENGTH ? text : `${text.slice(0, SHOWN_LENGTH)}...`;
}
