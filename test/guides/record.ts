// record: writes into a page what its commands really print, for who writes a guide.
//
// Only the output of commands that print something else than the page says is replaced; a prompt's session is left to its author, because
// its replies do not say which line they belong to.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from './page.js';

const recorded = new Map<number, readonly string[]>();

export function recordPage(command: Command, output: readonly string[]): void {
  if (command.typed.length > 0) {
    process.stdout.write(`# ${command.line}: $ ${command.text}\n${output.map((line) => `# ${line}\n`).join('')}`);
    return;
  }
  recorded.set(command.line, output);
}

/** Replaces the output below each recorded command. */
export function writePage(path: string): void {
  const lines = readFileSync(path, 'utf8').split('\n');
  for (const [line, output] of [...recorded].sort(([a], [b]) => b - a)) {
    let first = line;
    while (lines[first]!.startsWith('> ')) first++;
    let end = first;
    while (!lines[end]!.startsWith('$ ') && lines[end] !== '```') end++;
    lines.splice(first, end - first, ...output);
  }
  recorded.clear();
  writeFileSync(path, lines.join('\n'));
}
