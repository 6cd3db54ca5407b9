// trouble-proxy: stands between a program and a Redis, and hangs or answers errors in its place.

import { once } from 'node:events';
import net from 'node:net';
import type { Cleanup } from './mariadb.js';

export class TroubleProxy {
  private readonly sockets = new Set<net.Socket>();
  private error: string | undefined;
  private isHanging = false;

  private constructor(
    private readonly server: net.Server,
    private readonly targetPort: number,
  ) {
    server.on('connection', (socket) => this.serve(socket));
  }

  static async start(cleanup: Cleanup, targetPort: number): Promise<TroubleProxy> {
    const server = net.createServer();
    const proxy = new TroubleProxy(server, targetPort);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanup.after(() => {
      server.close();
      proxy.cut();
    });
    return proxy;
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  /** Connections come about, and nothing is answered; those that stand stay. */
  hang(): void {
    this.isHanging = true;
  }

  /** Every command is answered by this error, on connections that are made anew. */
  answer(error: string): void {
    this.error = error;
    this.isHanging = false;
    this.cut();
  }

  /** Passes everything on again. */
  heal(): void {
    this.error = undefined;
    this.isHanging = false;
    this.cut();
  }

  private cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private serve(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
    const { error } = this;
    if (error !== undefined) {
      socket.on('data', (chunk: Buffer) => {
        const count = chunk.toString('latin1').match(/\*\d+\r\n/g)?.length ?? 0;
        socket.write(`-${error}\r\n`.repeat(count));
      });
      return;
    }
    const target = net.connect(this.targetPort, '127.0.0.1');
    target.on('error', () => socket.destroy());
    target.on('close', () => socket.destroy());
    socket.on('close', () => target.destroy());
    socket.on('data', (chunk) => {
      if (!this.isHanging) target.write(chunk);
    });
    target.on('data', (chunk) => {
      if (!this.isHanging) socket.write(chunk);
    });
  }
}
