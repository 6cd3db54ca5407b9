// fill: writes many keys into a server through one pipelined connection, and watches how long a PING takes meanwhile.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { ReplyCounter } from '../../src/bench/reply-counter.js';

const batchCommands = 500;

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket.once('error', reject);
    socket.setNoDelay(true);
  });
}

/** Sends `count` commands, the i-th made by `makeWords(i)`, in batches; an error reply rejects. */
export async function fill(port: number, count: number, makeWords: (index: number) => string[]): Promise<void> {
  const socket = await open(port);
  try {
    await new Promise<void>((resolve, reject) => {
      const counter = new ReplyCounter((text) => reject(new Error(text)));
      let sent = 0;
      let answered = 0;
      const sendBatch = (): void => {
        const parts: string[] = [];
        for (const end = Math.min(count, sent + batchCommands); sent < end; sent++) {
          const words = makeWords(sent);
          parts.push(`*${words.length}\r\n`);
          for (const word of words) parts.push(`$${word.length}\r\n${word}\r\n`);
        }
        socket.write(parts.join(''), 'latin1');
      };
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('the server closed the connection')));
      socket.on('data', (chunk: Uint8Array) => {
        const before = answered;
        answered += counter.feed(chunk, chunk.length);
        if (answered === count) resolve();
        // Two batches are under way, so that the server never waits for this side.
        else if (sent < count && Math.floor(answered / batchCommands) > Math.floor(before / batchCommands)) sendBatch();
      });
      sendBatch();
      if (sent < count) sendBatch();
    });
  } finally {
    socket.removeAllListeners('close');
    socket.destroy();
  }
}

/** Pings every millisecond until stopped; `stop` returns the longest wait in milliseconds. */
export async function watchPings(port: number): Promise<{ stop(): number }> {
  const socket = await open(port);
  let longestMs = 0;
  let sentMs = 0;
  let isWaiting = false;
  let timer: NodeJS.Timeout | undefined;
  const ping = (): void => {
    sentMs = performance.now();
    isWaiting = true;
    socket.write('PING\r\n');
  };
  socket.on('error', () => {});
  socket.on('data', () => {
    longestMs = Math.max(longestMs, performance.now() - sentMs);
    isWaiting = false;
    timer = setTimeout(ping, 1);
  });
  ping();
  return {
    stop: () => {
      clearTimeout(timer);
      socket.destroy();
      return isWaiting ? Math.max(longestMs, performance.now() - sentMs) : longestMs;
    },
  };
}
