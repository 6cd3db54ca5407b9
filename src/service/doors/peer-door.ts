// peer-door: a port on which other servers connect, with TLS or without; with it, they must show a certificate.

import type { LogLevel } from '../../base/log-level.js';
import { createServer } from 'node:net';
import type { ListenAddress, Listener, Network } from '../../io/network.js';
import { listenOnPort } from '../../io/network-system.js';
import { serveSocket } from '../../io/sockets.js';
import type { Wire, WireEvents } from '../../io/wire.js';
import type { Config } from '../config/config.js';
import { Tls, tlsDirectives } from './tls.js';

export interface PeerDoorHost {
  readonly config: Config;
  readonly hooks: { readonly ticks: (() => void)[] };
  log(level: LogLevel, text: string): void;
  /** Milliseconds since 1970. */
  nowMs(): number;
}

export class PeerDoor {
  private readonly tls: Tls;
  private listeners: Listener[] = [];

  constructor(
    server: PeerDoorHost,
    private readonly network: Network,
    /** Whether the door has TLS. */
    private readonly usesTls: () => boolean,
    private readonly keepAliveSeconds: number,
    private readonly accept: (wire: Wire) => WireEvents,
  ) {
    this.tls = new Tls(
      server.config,
      (level, text) => server.log(level, text),
      (socket) => serveSocket(socket, keepAliveSeconds, accept),
      { isWanted: usesTls, asksAlways: true },
    );
    server.hooks.ticks.push(() => this.tls.watch(server.nowMs()));
    server.config.onSet(tlsDirectives, () =>
      !usesTls() || this.tls.configure() ? undefined : 'Unable to update TLS configuration. Check server logs.',
    );
  }

  /** Whether TLS is not wanted, or its certificates can be used; else the log says why not. */
  prepare(): boolean {
    return !this.usesTls() || this.tls.configure();
  }

  /** Rejects with the system's error. */
  async open(host: string, port: number, backlog: number): Promise<void> {
    const address: ListenAddress = { host, port, backlog, keepAliveSeconds: () => this.keepAliveSeconds };
    this.listeners.push(
      this.usesTls()
        ? await listenOnPort(
            createServer((socket) => this.tls.accept(socket)),
            address,
          )
        : await this.network.listen(address, this.accept),
    );
  }

  close(): void {
    for (const listener of this.listeners.splice(0)) listener.close();
    this.tls.close();
  }
}
