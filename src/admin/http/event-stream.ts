// event-stream: events to the page as they happen (server-sent events), bounded for a page that reads slowly.
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../io/clock.js';

const unsentBytesMax = 1 << 20;
const aliveMs = 15_000;

export class EventStream {
  private alive: Timer | undefined;
  private isOver = false;
  /** Events that were left out because the page did not read. */
  dropped = 0;

  constructor(
    private readonly response: ServerResponse,
    private readonly clock: Clock,
  ) {
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'X-Accel-Buffering': 'no' });
    response.write(': begin\n\n');
    response.on('close', () => {
      this.isOver = true;
      this.alive?.cancel();
    });
    this.keepAlive();
  }

  send(event: string, data: unknown): void {
    if (this.isOver) return;
    if (this.response.writableLength > unsentBytesMax) this.dropped++;
    else this.response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  end(event: string, data: unknown): void {
    if (this.isOver) return;
    this.response.end(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  private keepAlive(): void {
    this.alive = this.clock.after(aliveMs, () => {
      if (!this.isOver) this.response.write(': alive\n\n');
      this.keepAlive();
    });
  }
}
