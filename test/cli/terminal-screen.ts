// terminal-screen: drives a program in a pseudo-terminal (a tmux server of its own) and reads what its screen shows.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';

const runFile = promisify(execFile);
const waitMs = 180_000;
let started = 0;

export class TerminalScreen {
  private constructor(private readonly socket: string) {}

  /** Starts the program; `env` is added to the environment. */
  static async start(
    command: readonly string[],
    env: Readonly<Record<string, string>>,
    size = { columns: 100, rows: 30 },
  ): Promise<TerminalScreen> {
    const screen = new TerminalScreen(`kvasir-test-${process.pid}-${++started}`);
    const quoted = command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const settings = Object.entries(env)
      .map(([name, value]) => `${name}='${value}'`)
      .join(' ');
    // The screen stays when the program ends, so that its last words and status can be read.
    await screen.tmux(
      'new-session',
      '-d',
      '-s',
      'test',
      '-x',
      String(size.columns),
      '-y',
      String(size.rows),
      `env ${settings} ${quoted}; echo "[ended with $?]"; sleep 600`,
    );
    return screen;
  }

  /** Types text as it is. */
  async type(text: string): Promise<void> {
    await this.tmux('send-keys', '-t', 'test', '-l', text);
  }

  /** Presses keys by tmux's names: Enter, Tab, Up, C-c. */
  async press(...keys: string[]): Promise<void> {
    await this.tmux('send-keys', '-t', 'test', ...keys);
  }

  /** Presses a key, again and again if need be (the program may still be loading what the key needs), until the screen shows it. */
  async pressUntil(key: string, expected: RegExp): Promise<string> {
    const giveUp = Date.now() + waitMs;
    for (;;) {
      await this.press(key);
      for (let look = 0; look < 20; look++) {
        const text = await this.read();
        if (expected.test(text)) return text;
        if (Date.now() > giveUp) throw new Error(`pressing ${key} never showed ${expected}:\n${text}`);
        await sleep(50);
      }
    }
  }

  async enter(line: string): Promise<void> {
    await this.type(line);
    await this.press('Enter');
  }

  /** The lines on the screen, without spaces at their ends and empty ones at the end. With `styles`, colours stay in as escape sequences. */
  async read(styles = false): Promise<string> {
    const { stdout } = await this.tmux('capture-pane', '-p', ...(styles ? ['-e'] : []), '-t', 'test');
    return stdout.trimEnd();
  }

  /** Waits until the screen shows what is expected, whether or not replies were slow: their time stands on a line of its own then. */
  async waitFor(expected: RegExp, styles = false): Promise<string> {
    const giveUp = Date.now() + waitMs;
    for (;;) {
      const text = await this.read(styles);
      if (expected.test(text) || expected.test(text.replace(/^\(\d+\.\d\ds\)\n/gm, ''))) return text;
      if (Date.now() > giveUp) throw new Error(`the screen never showed ${expected}:\n${text}`);
      await sleep(30);
    }
  }

  async stop(): Promise<void> {
    await this.tmux('kill-server').catch(() => undefined);
  }

  private tmux(...words: string[]): Promise<{ stdout: string }> {
    return runFile('tmux', ['-L', this.socket, '-f', '/dev/null', ...words]);
  }
}
