// stall-watch: ends a connection that has left RESP and over which nothing comes.
//
// It sends nothing itself: redis-server begins a diskless snapshot when a replica has been silent for repl-diskless-sync-delay.
//
// Not here: connections on which each command has a reply; a Pipeline watches those (replyMs).

import type { Duplex } from 'node:stream';

const BEAT_MS = 1000;

export class StallWatch {
  private readonly timer: NodeJS.Timeout | undefined;
  private bytes = 0;
  private changedMs = performance.now();
  hasEnded = false;

  constructor(
    private readonly stream: Duplex & { readonly bytesRead?: number },
    /** 0: none. */
    private readonly limitMs: number,
  ) {
    this.timer = limitMs > 0 ? setInterval(() => this.look(), Math.min(BEAT_MS, limitMs)) : undefined;
  }

  private look(): void {
    const { stream } = this;
    const nowMs = performance.now();
    // A full buffer waits for us, not for the server.
    if (stream.bytesRead !== this.bytes || stream.readableLength > 0) this.changedMs = nowMs;
    this.bytes = stream.bytesRead ?? 0;
    if (nowMs - this.changedMs < this.limitMs) return;
    this.hasEnded = true;
    stream.destroy(new Error('nothing came'));
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
