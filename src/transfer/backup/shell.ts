// shell: runs commands that users give: of a target, and after failures.

import { spawn } from 'node:child_process';
import { TransferError } from '../record/record.js';

const OUTPUT_BYTES_MAX = 16 << 20;
const ERROR_CHARACTERS_MAX = 500;

/** A word as the shell takes it literally. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_./:@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Puts quoted words in the places `{name}` of a template. */
export function filled(template: string, words: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (place, name: string) => (name in words ? quoted(words[name]!) : place));
}

/** Runs a command to its end; returns what it prints. */
export function runShell(
  command: string,
  options: { readonly env?: Readonly<Record<string, string>>; readonly limitMs?: number } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, {
      shell: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    });
    let output = '';
    let complaint = '';
    let hasTimedOut = false;
    const timer =
      options.limitMs === undefined
        ? undefined
        : setTimeout(() => {
            hasTimedOut = true;
            child.kill('SIGKILL');
          }, options.limitMs);
    child.stdout.on('data', (bytes: Buffer) => {
      if (output.length < OUTPUT_BYTES_MAX) output += bytes.toString();
    });
    child.stderr.on('data', (bytes: Buffer) => (complaint = (complaint + bytes.toString()).slice(-4096)));
    child.on('error', (error) => reject(new TransferError(`cannot run '${command}': ${error.message}`)));
    const end = (status: number | null, signal: NodeJS.Signals | null): void => {
      clearTimeout(timer);
      if (status === 0) {
        resolve(output);
        return;
      }
      const how = hasTimedOut ? 'takes too long' : signal === null ? `exits with ${status}` : `ends by ${signal}`;
      const said = complaint.trim().slice(-ERROR_CHARACTERS_MAX);
      reject(new TransferError(`'${command}' ${how}${said === '' ? '' : `: ${said}`}`));
    };
    child.on('close', end);
  });
}
