// output: the lines of the manager, in the colours of their kinds, and what of them `--json` reports in the end.
//
// With `--json` the lines go to standard error, and standard output holds one document.
import type { ManagerTerminal } from './terminal.js';

const colors = { info: '29;1m', warning: '33;1m', error: '31;1m', ok: '32;1m' } as const;

export class Output {
  /** Fields of the document that `--json` prints. */
  readonly report: Record<string, unknown> = {};
  private readonly messages: { kind: 'warning' | 'error'; text: string }[] = [];

  constructor(
    readonly terminal: ManagerTerminal,
    readonly json: boolean,
  ) {}

  print(text: string): void {
    if (this.json) this.terminal.complain(text);
    else this.terminal.print(text);
  }

  /** Text of a server, one character per byte. */
  printBytes(text: string): void {
    if (this.json) this.terminal.complain(text);
    else this.terminal.printBytes(text);
  }

  complain(text: string): void {
    this.note('error', text);
    this.terminal.complain(text);
  }

  info(text: string): void {
    this.paint('info', text);
  }

  ok(text: string): void {
    this.paint('ok', text);
  }

  warn(text: string): void {
    this.note('warning', text);
    this.paint('warning', text);
  }

  error(text: string): void {
    this.note('error', text);
    this.paint('error', text);
  }

  /** Prints the document of `--json`. */
  finish(command: string, succeeded: boolean): void {
    if (!this.json) return;
    const { report, messages } = this;
    this.terminal.print(`${JSON.stringify({ command, ok: succeeded, ...report, messages }, undefined, 2)}\n`);
  }

  private paint(kind: keyof typeof colors, text: string): void {
    this.print(this.terminal.colors && !this.json ? `\x1b[${colors[kind]}${text}\x1b[0m` : text);
  }

  private note(kind: 'warning' | 'error', text: string): void {
    if (this.json) this.messages.push({ kind, text: text.trim() });
  }
}
