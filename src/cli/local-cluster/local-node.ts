// local-node: one server process of a cluster on this machine.
//
// A process is ended only after it has been recognised as the node: by answering on the node's port with the same process
// id, or by its command line. A process id in a file may belong to somebody else by now.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, systemErrorText } from '../../base/system-error.js';
import type { Connection } from '../../client/connection.js';
import { openNode } from '../../client/open-node.js';
import { isError, replyText } from '../../client/reply.js';

export interface LocalNode {
  readonly host: string;
  readonly port: number;
  readonly folder: string;
  readonly password: string | undefined;
  pid: number | undefined;
  /** Why its program could not be started. */
  problem?: string;
}

const connectMsMax = 2000;
const answerMsMax = 5000;
const startMsMax = 60_000;
const stopMsMax = 30_000;
const lookMs = 50;

/** Starts the process, which goes on when we end. */
export function startProcess(node: LocalNode, program: readonly string[], words: readonly string[]): void {
  mkdirSync(node.folder, { recursive: true });
  const log = openSync(join(node.folder, 'output.log'), 'a');
  const [command, ...first] = program;
  const child = spawn(command!, [...first, ...words], {
    cwd: node.folder,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.on('error', (error) => (node.problem = systemErrorText(error)));
  child.unref();
  node.pid = child.pid;
}

/** Waits until the node answers; undefined then, else why it does not. */
export async function waitUntilReady(node: LocalNode): Promise<string | undefined> {
  const giveUpMs = performance.now() + startMsMax;
  for (;;) {
    if (node.pid === undefined) {
      await sleep(0); // the reason comes with the next event
      return `the server program cannot be started: ${node.problem ?? 'unknown reason'}`;
    }
    const pid = await askProcessId(node);
    if (pid === node.pid) return undefined;
    if (!isAlive(node.pid)) return 'the server has ended';
    if (pid !== undefined) return `another server (process ${pid}) has the port`;
    if (performance.now() > giveUpMs) return `the server does not answer within ${startMsMax / 1000} seconds`;
    await sleep(lookMs);
  }
}

/** A connection that has logged in; undefined when there is none to have. */
export async function openLocal(node: LocalNode): Promise<Connection | undefined> {
  const { host, port, password } = node;
  const opening = openNode({ host, port, timeoutMs: connectMsMax }, { password });
  const connection = await Promise.race([
    opening.catch(() => undefined),
    sleep(answerMsMax, undefined, { ref: false }),
  ]);
  if (connection === undefined) opening.then((late) => late.close()).catch(() => undefined);
  return connection;
}

/** The reply's text; undefined when the node does not answer, or with an error. */
export async function askLocal(node: LocalNode, ...words: string[]): Promise<string | undefined> {
  const connection = await openLocal(node);
  if (connection === undefined) return undefined;
  try {
    const reply = await Promise.race([connection.call(...words), sleep(answerMsMax, undefined, { ref: false })]);
    return reply === undefined || isError(reply) ? undefined : replyText(reply);
  } catch {
    return undefined;
  } finally {
    connection.close();
  }
}

export async function askProcessId(node: LocalNode): Promise<number | undefined> {
  const info = await askLocal(node, 'INFO', 'server');
  const pid = /^process_id:(\d+)/m.exec(info ?? '')?.[1];
  return pid === undefined ? undefined : Number(pid);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** Ends the node; undefined when it is gone, else why it is not. */
export async function stopNode(node: LocalNode): Promise<string | undefined> {
  const { pid } = node;
  if (pid === undefined || !isAlive(pid)) return undefined;
  const answers = (await askProcessId(node)) === pid;
  if (!answers && !looksLikeNode(node, pid))
    return `process ${pid} is not recognised as the node: end it yourself if it is`;
  if (answers) await askLocal(node, 'SHUTDOWN');
  else process.kill(pid, 'SIGTERM');
  const giveUpMs = performance.now() + stopMsMax;
  while (isAlive(pid) && performance.now() < giveUpMs) await sleep(lookMs);
  if (!isAlive(pid)) return undefined;
  process.kill(pid, 'SIGKILL');
  while (isAlive(pid) && performance.now() < giveUpMs + stopMsMax) await sleep(lookMs);
  return isAlive(pid) ? `process ${pid} does not end` : undefined;
}

/** Whether the command line of the process names the node's port or title. */
function looksLikeNode(node: LocalNode, pid: number): boolean {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    return line.includes(node.folder) || line.includes(`:${node.port} `) || line.includes(`:${node.port}\0`);
  } catch {
    return false;
  }
}

/** The end of what the server has logged. */
export function lastLog(node: LocalNode): string {
  for (const name of ['node.log', 'output.log']) {
    try {
      const lines = readFileSync(join(node.folder, name), 'utf8').trimEnd().split('\n').slice(-8);
      if (lines.some((line) => line !== '')) return lines.join('\n');
    } catch {
      continue;
    }
  }
  return '(no log)';
}
