// sync-load: clients that write while kvasir-sync runs, and the wait until both sides are equal.

import assert from 'node:assert/strict';
import { type ChildProcess } from 'node:child_process';
import { Prng } from '../../src/base/prng.js';
import { KeyAccess } from '../../src/transfer/link/key-access.js';
import { parseAddress } from '../../src/transfer/link/address.js';
import { runTool, type Ran } from './tools.js';

export const seed = Number(process.env.SEED ?? Date.now() % 100_000);
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Writes that would show when one is lost, repeated, or in another order. */
export class WriteLoad {
  written = 0;
  private isStopping = false;
  private running: Promise<void> | undefined;

  private constructor(
    private readonly access: KeyAccess,
    private readonly names: readonly string[],
    private readonly random: Prng,
  ) {}

  static async start(port: number, names: readonly string[]): Promise<WriteLoad> {
    const access = await KeyAccess.open(parseAddress(`127.0.0.1:${port}`), Date.now);
    const load = new WriteLoad(access, names, new Prng(seed));
    load.running = load.run();
    return load;
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      const keys = Array.from({ length: 20 }, () => Buffer.from(this.names[this.random.below(this.names.length)]!));
      // The same command after a redirection: ASKING for another key would make one that the source still has.
      const commands = new Map(keys.map((key) => [key as Uint8Array, this.command(key)]));
      await this.access.ask(
        0,
        keys,
        (key) => [commands.get(key)!],
        () => this.written++,
      );
      await pause(2);
    }
  }

  private command(key: Uint8Array): (Uint8Array | string)[] {
    const number = this.random.below(10);
    const suffix = Buffer.from(`:${number % 3}`);
    if (number < 4) return ['INCR', Buffer.concat([key, Buffer.from(':n')])];
    if (number < 7) return ['RPUSH', Buffer.concat([key, Buffer.from(':l')]), String(this.written)];
    if (number === 7) return ['SET', Buffer.concat([key, suffix]), String(this.written), 'EX', '5000'];
    if (number === 8) return ['DEL', Buffer.concat([key, suffix])];
    return ['DEL', Buffer.concat([key, Buffer.from(':l')])];
  }

  /** Waits until so many more were written. */
  async more(count: number): Promise<void> {
    const goal = this.written + count;
    while (this.written < goal) await pause(20);
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await this.running;
    this.access.close();
  }
}

/** Waits until --verify finds no difference. */
export async function untilVerified(from: string, to: string, words: readonly string[] = []): Promise<void> {
  for (let tries = 0; ; tries++) {
    const ran = await runTool('kvasir-sync', ['--from', from, '--to', to, '--verify', ...words]);
    if (ran.status === 0) return;
    assert.ok(tries < 120, `seed ${seed}: never equal\n${ran.stdout.toString().slice(-2000)}${ran.stderr}`);
    await pause(500);
  }
}

/** kvasir-sync as a process that can be killed. */
export class Following {
  /** Its output so far. */
  said = '';

  private constructor(
    readonly child: ChildProcess,
    readonly ended: Promise<Ran>,
  ) {
    child.stderr!.on('data', (chunk: Buffer) => (this.said += chunk.toString()));
  }

  static start(words: readonly string[]): Following {
    let child: ChildProcess | undefined;
    const ended = runTool('kvasir-sync', words, { onStart: (started) => (child = started) });
    return new Following(child!, ended);
  }

  /** Waits for something that comes about while it runs; tells what it said when it ends before. */
  async until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
    const giveUpMs = Date.now() + 180_000;
    while (!(await isTrue())) {
      const hasEnded = this.child.exitCode !== null || this.child.signalCode !== null;
      if (hasEnded || Date.now() > giveUpMs)
        throw new Error(
          `seed ${seed}: ${what} did not come about; kvasir-sync ${hasEnded ? 'has ended' : 'runs'}: ${this.said || 'without a word'}`,
        );
      await pause(50);
    }
  }

  async kill(signal: NodeJS.Signals): Promise<Ran> {
    this.child.kill(signal);
    return this.ended;
  }
}
