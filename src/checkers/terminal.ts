// terminal: what the checkers need of the process they run in: printing, asking, a progress line.

import { readSync, writeSync } from 'node:fs';

/** Prints at once: a pipe that is closed later must not swallow a report. */
export function print(descriptor: 1 | 2, text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') continue;
      return;
    }
  }
}

export function ask(question: string): string | undefined {
  print(1, question);
  const byte = Buffer.alloc(1);
  let line = '';
  for (;;) {
    let count = 0;
    try {
      count = readSync(0, byte, 0, 1, null);
    } catch {
      count = 0;
    }
    if (count === 0) return line === '' ? undefined : line;
    if (byte[0] === 10) return line;
    line += byte.toString('latin1');
  }
}

/** A progress line on the error output, when that is a terminal. */
export function progressLine(): ((done: number, whole: number) => void) | undefined {
  if (!process.stderr.isTTY) return undefined;
  let shown = -1;
  return (done, whole) => {
    const percent = whole === 0 ? 100 : Math.floor((done / whole) * 100);
    if (percent === shown || whole < 1 << 24) return;
    shown = percent;
    print(2, percent === 100 ? '\r      \r' : `\r${String(percent).padStart(3)} %`);
  };
}
