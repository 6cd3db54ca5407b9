// raw: a client of plain bytes, over whatever socket it gets.

import type { Socket } from 'node:net';

/** A client of plain bytes that can say when so many have come. */
export class Raw {
  received = Buffer.alloc(0);
  closed = false;
  private wake: () => void = () => undefined;

  constructor(readonly socket: Socket) {
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.wake();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
      this.wake();
    });
  }

  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => (this.wake = resolve));
  }

  /** The next `count` bytes. */
  async take(count: number): Promise<string> {
    await this.until(() => this.received.length >= count || this.closed);
    const text = this.received.subarray(0, count).toString('latin1');
    this.received = this.received.subarray(count);
    return text;
  }

  /** Sends one command; returns the line that begins its reply. */
  async line(...words: string[]): Promise<string> {
    this.write(request(...words));
    await this.until(() => this.received.includes('\r\n') || this.closed);
    return this.take(this.received.indexOf('\r\n') + 2);
  }
}

export function request(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}
