// history: the lines typed at the prompt, kept in the file that redis-cli uses too (~/.rediscli_history).
//
// A new line is appended, so that several prompts at once lose nothing of each other. Lines with secrets stay in memory.
import { appendFileSync, chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dotfilePath } from './dotfile.js';

const linesMax = 1000;

export class History {
  readonly lines: string[] = [];
  private readonly file = dotfilePath('REDISCLI_HISTFILE', '.rediscli_history');

  load(): void {
    if (this.file === undefined) return;
    let lines: string[];
    try {
      lines = readFileSync(this.file, 'utf8')
        .split('\n')
        .filter((line) => line !== '');
    } catch {
      return; // none yet, or not ours to read
    }
    this.lines.push(...lines.slice(-linesMax));
    if (lines.length > 2 * linesMax)
      this.write(() => writeFileSync(this.file!, `${this.lines.join('\n')}\n`, { mode: 0o600 }));
  }

  add(line: string, secret: boolean): void {
    if (this.lines[this.lines.length - 1] === line) return;
    this.lines.push(line);
    if (this.lines.length > linesMax) this.lines.shift();
    const { file } = this;
    if (file === undefined || secret) return;
    this.write(() => {
      const known = existsSync(file);
      appendFileSync(file, `${line}\n`, { mode: 0o600 });
      if (!known) chmodSync(file, 0o600);
    });
  }

  private write(action: () => void): void {
    try {
      action();
    } catch {
      return; // a history that cannot be kept is no reason to stop
    }
  }
}
