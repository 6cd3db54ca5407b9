// programs: runs redis-cli and kvasir-cli with the same words, for the tests of this folder.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

/** The bundle, which is what users start: its files must find each other. */
export const kvasirCliPath = join(fileURLToPath(import.meta.url), '../../../bundle/kvasir-cli.js');

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the program, which would run on, as soon as its output (or what it says of errors) is so. */
  readonly stopAt?: RegExp;
}

/** However slow the machine is, a program that is not through by then hangs. */
const timeoutMs = 300_000;

/** Output as one character per byte. */
export function run(program: string, words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, REDISCLI_HISTFILE: '/dev/null', REDISCLI_RCFILE: '/dev/null', ...options.env };
    const child = spawn(program, [...words], { env });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const collect = (chunks: Buffer[], chunk: Buffer): void => {
      chunks.push(chunk);
      if (options.stopAt?.test(Buffer.concat(chunks).toString('latin1')) === true) child.kill('SIGTERM');
    };
    child.stdout.on('data', (chunk: Buffer) => collect(stdout, chunk));
    child.stderr.on('data', (chunk: Buffer) => collect(stderr, chunk));
    child.stdin.on('error', () => undefined); // a program that does not read its input
    child.stdin.end(options.stdin ?? '');
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      resolve({
        stdout: Buffer.concat(stdout).toString('latin1'),
        stderr: Buffer.concat(stderr).toString('latin1'),
        status,
        signal,
      });
    });
  });
}

export function runKvasir(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return run(process.execPath, [kvasirCliPath, ...words], options);
}

export function runRedis(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return run('redis-cli', words, options);
}
