// move: one instance to another host, the presharding procedure of the manuals: follow, wait, switch, promote, stop.
//
//   1  the new server becomes a replica of the old one, and has all of its data
//   2  the old one holds its clients' writes (CLIENT PAUSE), and the new one reaches the same offset
//   3  the new one becomes a master
//   4  clients are sent to it: by the hook, or by hand after the printed instruction
//   5  the old one is stopped, or goes on as a replica of the new one
//
// When anything fails before 3, the old server gets its clients back and nothing has changed but that the new one follows.

import { spawn } from 'node:child_process';
import { replyText } from '../../client/reply.js';
import type { ServerAddress } from '../link/address.js';
import { Pipeline } from '../link/pipeline.js';
import { infoField, numberOf } from '../link/replies.js';
import { TransferError } from '../record/record.js';
import { sleep } from '../sleep.js';

const LOOK_MS = 100;

export interface MoveOptions {
  readonly from: ServerAddress;
  readonly to: ServerAddress;
  /** A command to run with the two addresses as arguments, once the new one is the master. */
  readonly hook: string | undefined;
  readonly stopsOld: boolean;
  readonly force: boolean;
  /** How long the copy, and then the pause of writes, may take. */
  readonly copyMs: number;
  readonly pauseMs: number;
  readonly say: (text: string) => void;
}

async function info(pipeline: Pipeline): Promise<string> {
  return replyText(await pipeline.must('INFO', 'replication'));
}

async function until(what: string, limitMs: number, isTrue: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new TransferError(`${what}: not within ${Math.round(limitMs / 1000)} seconds`);
    await sleep(LOOK_MS);
  }
}

export async function moveInstance(options: MoveOptions): Promise<void> {
  const { from, to, say } = options;
  const source = await Pipeline.open(from);
  const target = await Pipeline.open(to);
  let isPaused = false;
  try {
    if (!options.force && numberOf(await target.must('DBSIZE')) > 0)
      throw new TransferError(`${to.name} has keys, which would be lost; --force goes on`);
    if (infoField(await info(source), 'role') !== 'master') throw new TransferError(`${from.name} is no master`);
    say(`1/5 ${to.name} follows ${from.name}`);
    if (from.password !== undefined) await target.must('CONFIG', 'SET', 'masterauth', from.password);
    if (from.user !== undefined) await target.must('CONFIG', 'SET', 'masteruser', from.user);
    const { host, port } = from.endpoint;
    await target.must('REPLICAOF', host, String(port));
    await until('the copy of the data', options.copyMs, async () => /master_link_status:up/.test(await info(target)));
    say('2/5 all data has arrived; writes wait');
    await source.must('CLIENT', 'PAUSE', String(options.pauseMs), 'WRITE');
    isPaused = true;
    const wanted = Number(infoField(await info(source), 'master_repl_offset'));
    await until('reaching the same offset', options.pauseMs / 2, async () => {
      return Number(infoField(await info(target), 'slave_repl_offset')) >= wanted;
    });
    await target.must('REPLICAOF', 'NO', 'ONE');
    say(`3/5 ${to.name} is the master now`);
    await runHook(options);
    await finishOld(options, source);
  } finally {
    if (isPaused && source.lost === undefined) await source.call('CLIENT', 'UNPAUSE').catch(() => undefined);
    source.close();
    target.close();
  }
}

async function runHook({ hook, from, to, say }: MoveOptions): Promise<void> {
  if (hook === undefined) {
    say(`4/5 now send the clients to ${to.name} instead of ${from.name}`);
    return;
  }
  say(`4/5 ${hook} ${from.name} ${to.name}`);
  const status = await new Promise<number | null>((resolve) => {
    const child = spawn('sh', ['-c', `${hook} "$@"`, 'hook', from.name, to.name], { stdio: 'inherit' });
    child.on('error', () => resolve(127));
    child.on('close', resolve);
  });
  if (status !== 0)
    throw new TransferError(
      `the hook ended with ${status ?? 'a signal'}; ${to.name} is the master, switch the clients by hand`,
    );
}

async function finishOld({ stopsOld, from, to, say }: MoveOptions, source: Pipeline): Promise<void> {
  if (stopsOld) {
    // It saves if it is configured so, and closes the connection instead of a reply.
    await source.call('SHUTDOWN').catch(() => undefined);
    say(`5/5 ${from.name} is stopped`);
    return;
  }
  await source.must('REPLICAOF', to.endpoint.host, String(to.endpoint.port));
  say(`5/5 ${from.name} follows ${to.name}; stop it when no client is left`);
}
