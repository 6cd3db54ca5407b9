// move: one instance to another host, the presharding procedure of the manuals: follow, wait, switch, promote, stop.
//
//   1  the new server becomes a replica of the old one, and has all of its data
//   2  the old one holds its clients' writes (CLIENT PAUSE), and the new one reaches the same offset
//   3  the new one becomes a master
//   4  clients are sent to it: by the hook, or by hand after the printed instruction
//   5  the old one is stopped, or goes on as a replica of the new one
//
// When anything fails before 3, the old server gets its clients back and nothing has changed but that the new one follows.
//
// A run that was killed is begun again with the same words, and finds its place by the replication ids: after 3 the new server still
// knows the id and the offset of the old one's stream. When the old one has got writes since, as its clients were not sent away,
// the new one follows it once more; when both have, nobody but the user knows which are wanted.

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

type Place = 'new' | 'following' | 'promoted' | 'demoted';

function follows(replica: string, master: ServerAddress): boolean {
  const { host, port } = master.endpoint;
  return infoField(replica, 'master_host') === host && infoField(replica, 'master_port') === String(port);
}

/** How far an earlier run came. */
async function placeOf(source: Pipeline, target: Pipeline, { from, to }: MoveOptions): Promise<Place> {
  const [old, fresh] = [await info(source), await info(target)];
  if (infoField(old, 'role') !== 'master') {
    if (infoField(fresh, 'role') === 'master' && follows(old, to)) return 'demoted';
    throw new TransferError(`${from.name} is no master`);
  }
  if (infoField(fresh, 'role') !== 'master') return follows(fresh, from) ? 'following' : 'new';
  if (infoField(fresh, 'master_replid2') !== infoField(old, 'master_replid')) return 'new';
  const branch = Number(infoField(fresh, 'second_repl_offset')) - 1;
  if (Number(infoField(old, 'master_repl_offset')) <= branch) return 'promoted';
  if (Number(infoField(fresh, 'master_repl_offset')) <= branch) return 'following';
  throw new TransferError(
    `${to.name} became the master in an earlier run, and both servers have got writes since: send the clients to one of them, ` +
      `and make the other its replica`,
  );
}

export async function moveInstance(options: MoveOptions): Promise<void> {
  const { from, to } = options;
  const source = await Pipeline.open(from);
  const target = await Pipeline.open(to);
  const pause = new Pause(source, options.pauseMs);
  try {
    let place = await placeOf(source, target, options);
    if (place === 'promoted') {
      // What came before the pause is seen after it.
      await pause.begin();
      place = await placeOf(source, target, options);
    }
    if (place === 'new' && !options.force && numberOf(await target.must('DBSIZE')) > 0)
      throw new TransferError(`${to.name} has keys, which would be lost; --force goes on`);
    if (place === 'new' || place === 'following') await promote(source, target, pause, options);
    if (place !== 'demoted') await runHook(options);
    await finishOld(options, source);
  } finally {
    await pause.end();
    source.close();
    target.close();
  }
}

/** Writes wait at the old server, for as long as this process lives and a while longer. */
class Pause {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly source: Pipeline,
    private readonly pauseMs: number,
  ) {}

  async begin(): Promise<void> {
    const ask = (): Promise<unknown> => this.source.must('CLIENT', 'PAUSE', String(this.pauseMs), 'WRITE');
    await ask();
    // The hook may take its time.
    this.timer ??= setInterval(() => void ask().catch(() => undefined), this.pauseMs / 3);
  }

  async end(): Promise<void> {
    if (this.timer === undefined) return;
    clearInterval(this.timer);
    this.timer = undefined;
    if (this.source.lost === undefined) await this.source.call('CLIENT', 'UNPAUSE').catch(() => undefined);
  }
}

async function promote(source: Pipeline, target: Pipeline, pause: Pause, options: MoveOptions): Promise<void> {
  const { from, to, say } = options;
  say(`1/5 ${to.name} follows ${from.name}`);
  if (from.password !== undefined) await target.must('CONFIG', 'SET', 'masterauth', from.password);
  if (from.user !== undefined) await target.must('CONFIG', 'SET', 'masteruser', from.user);
  const { host, port } = from.endpoint;
  await target.must('REPLICAOF', host, String(port));
  await until('the copy of the data', options.copyMs, async () => /master_link_status:up/.test(await info(target)));
  say('2/5 all data has arrived; writes wait');
  await pause.begin();
  const wanted = Number(infoField(await info(source), 'master_repl_offset'));
  await until('reaching the same offset', options.pauseMs / 2, async () => {
    return Number(infoField(await info(target), 'slave_repl_offset')) >= wanted;
  });
  await target.must('REPLICAOF', 'NO', 'ONE');
  say(`3/5 ${to.name} is the master now`);
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
