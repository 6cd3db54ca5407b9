// pager: shows a reply that is longer than the screen page by page.
import type { WriteStream } from 'node:tty';
import type { Key } from './editor/line-editor.js';

export type ReadKey = () => Promise<Key | undefined>;

const keysHelp = '\x1b[7m-- more: space page, enter line, a all, q stop --\x1b[0m';

/** Writes the text (one character per byte), stopping at each page; the reader may leave the rest out. */
export async function showPaged(text: string, readKey: ReadKey, output: WriteStream): Promise<void> {
  const columns = output.columns || 80;
  const rows = Math.max(2, (output.rows || 24) - 1);
  let position = 0;
  let room = rows;
  while (position < text.length) {
    let end = position;
    while (end < text.length && room > 0) {
      const lineEnd = text.indexOf('\n', end);
      const next = lineEnd < 0 ? text.length : lineEnd + 1;
      room -= Math.max(1, Math.ceil((next - end - 1) / columns));
      end = next;
    }
    output.write(Buffer.from(text.slice(position, end), 'latin1'));
    position = end;
    if (position >= text.length) return;
    const answer = await askForMore(readKey, output);
    if (answer === 'stop') return;
    room = answer === 'page' ? rows : answer === 'line' ? 1 : Infinity;
  }
}

/** True when the text takes more rows than the screen has. */
export function isLongerThanScreen(text: string, output: WriteStream): boolean {
  const columns = output.columns || 80;
  const rows = (output.rows || 24) - 1;
  let used = 0;
  for (let position = 0; position < text.length;) {
    const lineEnd = text.indexOf('\n', position);
    const next = lineEnd < 0 ? text.length : lineEnd + 1;
    used += Math.max(1, Math.ceil((next - position - 1) / columns));
    if (used > rows) return true;
    position = next;
  }
  return false;
}

async function askForMore(readKey: ReadKey, output: WriteStream): Promise<'page' | 'line' | 'all' | 'stop'> {
  output.write(keysHelp);
  try {
    for (;;) {
      const key = await readKey();
      if (key === undefined || (key.ctrl === true && (key.name === 'c' || key.name === 'd'))) return 'stop';
      switch (key.name) {
        case 'q':
        case 'escape':
          return 'stop';
        case 'a':
          return 'all';
        case 'return':
        case 'enter':
        case 'down':
          return 'line';
        case 'space':
        case 'pagedown':
        case 'f':
          return 'page';
      }
    }
  } finally {
    output.write('\r\x1b[K');
  }
}
