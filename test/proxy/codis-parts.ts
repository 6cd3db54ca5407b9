// codis-parts: the parts of a codis as processes, for tests: kvasir-codis's dashboard and proxies, and questions to their interfaces.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { programPath } from '../kvasir.js';

const script = programPath('kvasir-codis');

export interface CodisPart {
  readonly process: ChildProcess;
  readonly adminPort: number;
  log(): string;
  /** Ends it at once, as a power failure would. */
  kill(): Promise<void>;
}

export async function askHttp(
  port: number,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const text = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, method, path, timeout: 60_000 }, (response) => {
      let answer = '';
      response.on('data', (part: Buffer) => (answer += part.toString('utf8')));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: answer === '' ? undefined : JSON.parse(answer) }),
      );
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

/** Starts `kvasir-codis WORDS` and waits until `path` of its interface answers. */
export async function startPart(words: readonly string[], adminPort: number, path: string): Promise<CodisPart> {
  const child = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.on('data', (part: Buffer) => (text += part.toString('utf8')));
  const exited = once(child, 'exit');
  const part: CodisPart = {
    process: child,
    adminPort,
    log: () => text,
    async kill() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await exited;
    },
  };
  for (;;) {
    try {
      await askHttp(adminPort, 'GET', path);
      return part;
    } catch {
      if (child.exitCode !== null) throw new Error(`kvasir-codis ${words.join(' ')} has ended: ${text}`);
      await sleep(20);
    }
  }
}

/** Runs `kvasir-codis WORDS` to its end. */
export async function runCodis(...words: string[]): Promise<{ status: number; out: string; err: string }> {
  const child = spawn(process.execPath, [script, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (part: Buffer) => (out += part.toString('utf8')));
  child.stderr.on('data', (part: Buffer) => (err += part.toString('utf8')));
  const [status] = (await once(child, 'close')) as [number];
  return { status, out, err };
}
