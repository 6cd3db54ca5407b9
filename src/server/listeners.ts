// listeners: the server's doors: TCP on every bound address, a unix socket.

import { createServer, type Server } from 'node:net';
import { chmodSync, rmSync } from 'node:fs';
import { acceptSocket, listen } from '../io/sockets.js';
import type { DataServer } from './server.js';

export interface DoorOptions {
  readonly hosts: readonly string[];
  /** 0 means any free port here; -1 means none. */
  readonly port: number;
  readonly unixPath: string | undefined;
  readonly unixPermissions: number | undefined;
  readonly backlog: number;
  readonly keepAliveSeconds: () => number;
}

export class Listeners {
  private tcp: Server[] = [];
  private unix: Server | undefined;
  /** The port that is really listened on, -1 for none. */
  port = -1;
  host = '';
  unixPath: string | undefined;

  constructor(private readonly server: DataServer) {}

  /** Opens all doors; rejects with the first system error, having closed what was open. */
  async open(options: DoorOptions): Promise<void> {
    await this.openTcp(options);
    if (options.unixPath === undefined) return;
    rmSync(options.unixPath, { force: true });
    this.unix = await listen(this.door(options, true), { path: options.unixPath, backlog: options.backlog });
    this.unixPath = options.unixPath;
    if (options.unixPermissions !== undefined) chmodSync(options.unixPath, options.unixPermissions);
  }

  /** Opens other TCP doors; the old ones close when the new are open. Rejects and changes nothing when that fails. */
  async reopen(options: DoorOptions): Promise<void> {
    const { tcp, port, host } = this;
    this.tcp = [];
    // On the same port, the old doors are in the way of the new.
    const inTheWay = options.port === port;
    if (inTheWay) for (const server of tcp) server.close();
    try {
      await this.openTcp(options);
    } catch (error) {
      if (inTheWay) await this.openTcp({ ...options, hosts: [host] });
      else this.tcp = tcp;
      this.port = port;
      this.host = host;
      throw error;
    }
    if (!inTheWay) for (const server of tcp) server.close();
  }

  private async openTcp(options: DoorOptions): Promise<void> {
    let { port } = options;
    this.port = -1;
    this.host = '';
    if (port < 0) return;
    const opened: Server[] = [];
    for (const host of options.hosts) {
      const optional = host.startsWith('-');
      const address = wildcard(optional ? host.slice(1) : host);
      try {
        const server = await listen(this.door(options, false), { host: address, port, backlog: options.backlog, ipv6Only: address.includes(':') });
        opened.push(server);
        const bound = server.address();
        if (typeof bound === 'object' && bound !== null) port = bound.port;
        if (this.host === '') this.host = address;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // An address that may be missing, or a protocol that the machine lacks, is passed over.
        if (code === 'EAFNOSUPPORT' || (optional && code === 'EADDRNOTAVAIL')) continue;
        for (const server of opened) server.close();
        throw error;
      }
    }
    this.tcp = opened;
    if (opened.length > 0) this.port = port;
  }

  private door(options: DoorOptions, unixSocket: boolean): Server {
    const door = createServer({ pauseOnConnect: true, allowHalfOpen: false }, (socket) => {
      acceptSocket(socket, door, unixSocket ? 0 : options.keepAliveSeconds(), (wire) => this.server.accept(wire, unixSocket));
    });
    return door;
  }

  /** Accepts nobody any more; connections that are open stay. */
  close(): void {
    for (const server of this.tcp.splice(0)) server.close();
    this.unix?.close();
    this.unix = undefined;
  }
}

function wildcard(host: string): string {
  if (host === '*') return '0.0.0.0';
  return host === '::*' ? '::' : host;
}
