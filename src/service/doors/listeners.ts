// listeners: the server's doors: TCP on every bound address, with and without TLS, and a unix socket.

import type { Connection } from '../clients/connection.js';
import type { Wire } from '../../io/wire.js';
import type { Config } from '../config/config.js';
import type { LogLevel } from '../../base/log-level.js';
import { createServer, type Server, type Socket } from 'node:net';
import { existsSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, systemErrorText } from '../../base/system-error.js';
import type { Listener, Network } from '../../io/network.js';
import { listenOnPort } from '../../io/network-system.js';
import { listen, makeDoor, offerHandles, serveSocket } from '../../io/sockets.js';
import type { AcceptedHandle } from '../../io/handle-wire.js';
import type { TlsSettings } from '../../io/tls-handshaker.js';
import { Tls } from './tls.js';
import type { TlsDoor } from './tls-opening.js';

/** The server that the doors lead to. */
export interface ListenersHost {
  readonly config: Config;
  readonly hooks: { readonly ticks: (() => void)[] };
  log(level: LogLevel, text: string): void;
  /** Milliseconds since 1970. */
  nowMs(): number;
  accept(wire: Wire, unixSocket: boolean): Connection;
  /** Threads that take connections with TLS. */
  readonly ioThreads?: { acceptTls(handle: AcceptedHandle, settings: TlsSettings, door: TlsDoor): boolean } | undefined;
}

export interface DoorOptions {
  readonly hosts: readonly string[];
  /** 0 means any free port here; -1 means none. */
  readonly port: number;
  /** -1 means none. */
  readonly tlsPort: number;
  readonly unixPath: string | undefined;
  readonly unixPermissions: number | undefined;
  readonly backlog: number;
  readonly keepAliveSeconds: () => number;
}

/** A port or socket that cannot be listened on. */
export class ListenError extends Error {
  /** The system's code: EADDRINUSE, EACCES, ... */
  readonly code: string;

  constructor(
    readonly kind: 'tcp' | 'tls' | 'unix',
    /** The port; 0 for a unix socket. */
    readonly port: number,
    cause: unknown,
    /** The path of a unix socket. */
    readonly path = '',
  ) {
    const door = kind === 'unix' ? `the unix socket ${path}` : `port ${port} (${kind})`;
    super(`Failed listening on ${door}: ${systemErrorText(cause)}`, { cause });
    this.code = errorCode(cause);
  }

  /** The line that redis-server logs last. */
  get logLine(): string {
    return `Failed listening on port ${this.port} (${this.kind}), aborting.`;
  }

  /** The error of the system. */
  get reason(): string {
    return systemErrorText(this.cause);
  }
}

/** Deno binds :: for both protocols, so it is in use when the port is open for IPv4: those clients go without IPv6. */
const bindsBothProtocols = 'Deno' in globalThis;

/** One port, on every bound address. */
class PortDoors {
  private doors: Pick<Listener, 'close'>[] = [];
  /** The port that is really listened on, -1 for none. */
  port = -1;
  host = '';

  constructor(private readonly listen: (host: string, port: number, backlog: number) => Promise<Listener>) {}

  async open(hosts: readonly string[], wanted: number, backlog: number): Promise<void> {
    let port = wanted;
    this.port = -1;
    this.host = '';
    this.doors = [];
    if (port < 0) return;
    const opened: Listener[] = [];
    for (const host of hosts) {
      const optional = host.startsWith('-');
      const address = wildcard(optional ? host.slice(1) : host);
      try {
        const door = await this.listen(address, port, backlog);
        opened.push(door);
        port = door.port;
        if (this.host === '') this.host = address;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // An address that may be missing, or a protocol that the machine lacks, is passed over.
        if (code === 'EAFNOSUPPORT' || (optional && code === 'EADDRNOTAVAIL')) continue;
        if (bindsBothProtocols && optional && address === '::' && opened.length > 0 && code === 'EADDRINUSE') continue;
        for (const door of opened) door.close();
        throw error;
      }
    }
    this.doors = opened;
    if (opened.length > 0) this.port = port;
  }

  /** Opens other doors; the old ones close when the new are open. Rejects and changes nothing when that fails. */
  async reopen(hosts: readonly string[], wanted: number, backlog: number): Promise<void> {
    const { doors, port, host } = this;
    // On the same port, the old doors are in the way of the new.
    const inTheWay = wanted === port;
    if (inTheWay) for (const door of doors) door.close();
    try {
      await this.open(hosts, wanted, backlog);
    } catch (error) {
      if (inTheWay) await this.open([host], wanted, backlog);
      else this.doors = doors;
      this.port = port;
      this.host = host;
      throw error;
    }
    if (!inTheWay) for (const door of doors) door.close();
  }

  close(): void {
    for (const door of this.doors.splice(0)) door.close();
  }
}

export class Listeners {
  readonly tls: Tls;
  private readonly plainDoors: PortDoors;
  private readonly tlsDoors: PortDoors;
  private unix: Server | undefined;
  unixPath: string | undefined;
  private keepAliveSeconds: () => number = () => 0;

  constructor(
    private readonly server: ListenersHost,
    network: Network,
  ) {
    this.plainDoors = new PortDoors((host, port, backlog) =>
      network.listen({ host, port, backlog, keepAliveSeconds: () => this.keepAliveSeconds() }, (wire) =>
        server.accept(wire, false),
      ),
    );
    this.tlsDoors = new PortDoors((host, port, backlog) => listenOnPort(this.makeTlsDoor(), { host, port, backlog }));
    this.tls = new Tls(
      server.config,
      (level, text) => server.log(level, text),
      (socket) => this.serve(socket),
    );
    server.hooks.ticks.push(() => this.tls.watch(server.nowMs()));
  }

  /** The port for clients without TLS that is really listened on, -1 for none. */
  get port(): number {
    return this.plainDoors.port;
  }

  /** The port for clients with TLS, -1 for none. */
  get tlsPort(): number {
    return this.tlsDoors.port;
  }

  get host(): string {
    return this.plainDoors.host === '' ? this.tlsDoors.host : this.plainDoors.host;
  }

  /** Whether nobody can come in. */
  get isClosed(): boolean {
    return this.port < 0 && this.tlsPort < 0 && this.unix === undefined;
  }

  /** Opens all doors; rejects with a ListenError for the first that does not open, having closed what was open. */
  async open(options: DoorOptions): Promise<void> {
    const { hosts, port, tlsPort, backlog } = options;
    this.keepAliveSeconds = options.keepAliveSeconds;
    let kind: ListenError['kind'] = 'tcp';
    try {
      await this.plainDoors.open(hosts, port, backlog);
      kind = 'tls';
      await this.tlsDoors.open(hosts, tlsPort, backlog);
      kind = 'unix';
      await this.openUnix(options);
    } catch (error) {
      this.close();
      throw new ListenError(kind, { tcp: port, tls: tlsPort, unix: 0 }[kind], error, options.unixPath);
    }
  }

  private async openUnix({ unixPath, unixPermissions, backlog }: DoorOptions): Promise<void> {
    if (unixPath === undefined) return;
    // The system's answer, which Node replaces by EACCES.
    if (!existsSync(dirname(unixPath))) throw Object.assign(new Error(`no folder for ${unixPath}`), { code: 'ENOENT' });
    rmSync(unixPath, { force: true });
    this.unix = await listen(
      makeDoor(
        () => 0,
        (wire) => this.server.accept(wire, true),
      ),
      { path: unixPath, permissions: unixPermissions, backlog },
    );
    this.unixPath = unixPath;
  }

  /** Opens other doors for clients without TLS; changes nothing when that fails. */
  reopen(options: DoorOptions): Promise<void> {
    return this.plainDoors.reopen(options.hosts, options.port, options.backlog);
  }

  /** Opens other doors for clients with TLS; changes nothing when that fails. */
  reopenTls(options: DoorOptions): Promise<void> {
    return this.tlsDoors.reopen(options.hosts, options.tlsPort, options.backlog);
  }

  private makeTlsDoor(): Server {
    const { server } = this;
    const door: TlsDoor = {
      keepAliveSeconds: () => this.keepAliveSeconds(),
      accept: (wire) => (this.tls.settings === undefined ? undefined : server.accept(wire, false)),
      refused: (reason, address) => this.tls.refused(reason, address),
    };
    const listener = createServer((socket) => this.tls.accept(socket));
    offerHandles(listener, (handle) => {
      const { settings } = this.tls;
      return settings !== undefined && server.ioThreads?.acceptTls(handle, settings, door) === true;
    });
    return listener;
  }

  private serve(socket: Socket): void {
    serveSocket(socket, this.keepAliveSeconds(), (wire) => this.server.accept(wire, false));
  }

  /** Accepts nobody any more; connections that are open stay. */
  close(): void {
    this.plainDoors.close();
    this.tlsDoors.close();
    this.tls.close();
    this.unix?.close();
    this.unix = undefined;
  }
}

function wildcard(host: string): string {
  if (host === '*') return '0.0.0.0';
  return host === '::*' ? '::' : host;
}
