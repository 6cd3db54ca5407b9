// sync-process: runs kvasir-mysql as a process of its own, with a configuration from the test, and waits for what it does.

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from './mariadb.js';
import { programPath } from '../kvasir.js';

const script = programPath('kvasir-mysql');

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export class SyncTool {
  readonly folder = mkdtempSync(join(tmpdir(), 'kvasir-mysql-'));
  readonly config = join(this.folder, 'sync.yml');
  child: ChildProcess | undefined;
  private ended: Promise<Ran> | undefined;
  log = '';

  constructor(cleanup: Cleanup, config: string) {
    writeFileSync(this.config, config);
    cleanup.after(async () => {
      await this.kill();
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  rewrite(config: string): void {
    writeFileSync(this.config, config);
  }

  private launch(words: readonly string[]): Promise<Ran> {
    const child = spawn(process.execPath, [script, '--config', this.config, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      this.log += chunk.toString();
    });
    return new Promise((resolve) => child.on('close', (status) => resolve({ status, stdout, stderr })));
  }

  /** Runs it to its end. */
  run(...words: string[]): Promise<Ran> {
    return this.launch(words);
  }

  /** Starts it; it goes on until `kill`. */
  start(...words: string[]): void {
    this.ended = this.launch(words);
  }

  /** How it ended, when it has. */
  get end(): Promise<Ran> {
    return this.ended ?? Promise.reject(new Error('not started'));
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await this.ended?.catch(() => undefined);
  }
}

/** Waits until a condition holds; the text says of what when it never does. */
export async function until(
  what: string | (() => string),
  holds: () => Promise<boolean> | boolean,
  limitMs = 120_000,
): Promise<void> {
  const giveUp = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() > giveUp) throw new Error(`never: ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
