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
  private readonly servers: Server[] = [];
  /** The port that is really listened on, -1 for none. */
  port = -1;

  constructor(private readonly server: DataServer) {}

  /** Opens all doors; rejects with the first system error, having closed what was open. */
  async open(options: DoorOptions): Promise<void> {
    let { port } = options;
    if (port >= 0) {
      for (const host of options.hosts) {
        const optional = host.startsWith('-');
        const address = (optional ? host.slice(1) : host).replace(/^\*$/, '0.0.0.0');
        try {
          const opened = await listen(this.door(options, false), { host: address, port, backlog: options.backlog });
          const bound = opened.address();
          if (typeof bound === 'object' && bound !== null) port = bound.port;
          this.servers.push(opened);
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          // An address that is marked optional, or a protocol that the machine lacks, is passed over as Redis does.
          if (optional && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) continue;
          this.close();
          throw error;
        }
      }
      this.port = port;
    }
    if (options.unixPath !== undefined) {
      rmSync(options.unixPath, { force: true });
      this.servers.push(await listen(this.door(options, true), { path: options.unixPath, backlog: options.backlog }));
      if (options.unixPermissions !== undefined) chmodSync(options.unixPath, options.unixPermissions);
    }
  }

  private door(options: DoorOptions, unixSocket: boolean): Server {
    const door = createServer({ pauseOnConnect: true, allowHalfOpen: false }, (socket) => {
      acceptSocket(socket, door, unixSocket ? 0 : options.keepAliveSeconds(), (wire) => this.server.accept(wire, unixSocket));
    });
    return door;
  }

  /** Accepts nobody any more; connections that are open stay. */
  close(): void {
    for (const server of this.servers.splice(0)) server.close();
  }
}
