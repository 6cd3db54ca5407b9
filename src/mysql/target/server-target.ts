// server-target: one server, or a proxy that knows WATCH and MULTI: each batch is one transaction with the state in it.
//
// Between batches the state's key is watched, and its owner was read after that. So EXEC does nothing when anybody else has
// changed the state meanwhile: another process, or the commands of an own connection that was lost and whose last bytes the server
// reads late. The two commands of the watch go out with the batch before, so a batch takes one round trip.

import { isError, type Reply, replyText } from '../../client/reply.js';
import { ConnectError } from '../../client/open-stream.js';
import { TransferError } from '../../transfer/record/record.js';
import type { ServerAddress } from '../../transfer/link/address.js';
import { LinkLost, Pipeline } from '../../transfer/link/pipeline.js';
import { elementsOf, listOf } from '../../transfer/link/replies.js';
import type { Command } from '../mapping/effects.js';
import {
  CommandFailed,
  OWNER_FIELD,
  type RedisTarget,
  TakenOver,
  type TargetBatch,
  TargetLost,
  type TargetOptions,
  TargetUntrusted,
} from './redis-target.js';
import { mergeDeletes } from './merge-deletes.js';
import { readFields, shownWord, stateCommands } from './state-commands.js';

export class ServerTarget implements RedisTarget {
  readonly isCluster = false;
  readonly marks: ReadonlyMap<number, string> = new Map();
  private watching: Promise<void> | undefined;

  private constructor(
    private readonly pipeline: Pipeline,
    private readonly options: TargetOptions,
    readonly state: ReadonlyMap<string, string>,
  ) {}

  get name(): string {
    return this.pipeline.name;
  }

  static async open(address: ServerAddress, options: TargetOptions): Promise<ServerTarget> {
    const pipeline = await lostAsTarget(() => Pipeline.open(address));
    try {
      if (address.database !== undefined && address.database !== 0)
        await ask(pipeline, 'SELECT', String(address.database));
      const { stateKey, token } = options;
      const before = readFields(await ask(pipeline, 'HGETALL', stateKey));
      if (options.expectsOwn && before.has(OWNER_FIELD) && before.get(OWNER_FIELD) !== token) throw takenOver(options);
      if (!options.takesOver) return new ServerTarget(pipeline, options, before);
      await ask(pipeline, 'HSET', stateKey, OWNER_FIELD, token);
      const watched = pipeline.call('WATCH', stateKey);
      const state = readFields(await ask(pipeline, 'HGETALL', stateKey));
      const reply = await lostAsTarget(() => watched);
      if (isError(reply)) throw new Error(`${pipeline.name} refuses WATCH, which is needed: ${replyText(reply)}`);
      if (state.get(OWNER_FIELD) !== token) throw takenOver(options);
      return new ServerTarget(pipeline, options, state);
    } catch (error) {
      pipeline.close();
      throw error;
    }
  }

  async apply(batch: TargetBatch): Promise<void> {
    await this.watching;
    const { pipeline, options } = this;
    // The first command that the server does not queue, and why; counted with MULTI as the first.
    let answered = 0;
    let refusedAt = -1;
    let refusal: Reply | undefined;
    const take = (reply: Reply): void => {
      if (refusal === undefined && isError(reply)) {
        refusal = reply;
        refusedAt = answered;
      }
      answered++;
    };
    const commands = mergeDeletes(batch.commands).concat(stateCommands(options.stateKey, batch.state));
    pipeline.add(['MULTI'], take);
    for (const { words } of commands) pipeline.add(words, take);
    const executed = lostAsTarget(() => pipeline.call('EXEC'));
    this.watching = this.watch();
    this.watching.catch(() => undefined); // told at the next batch
    const reply = await executed;
    if (pipeline.lost !== undefined) throw new TargetLost(pipeline.lost.message);
    if (reply.kind === 'nil') throw await this.conflict();
    if (isError(reply)) {
      const first = replyText(refusal ?? reply);
      const key = commands[refusedAt - 1]?.key ?? '';
      // The server refuses for now (memory, replicas, loading) and may accept later.
      if (isPassing(first)) throw notNow(pipeline, first);
      if (first.startsWith('CROSSSLOT')) throw new TransferError(severalServers(pipeline.name));
      throw new CommandFailed(`${pipeline.name} refuses a command for key '${shownWord(key)}': ${first}`, key);
    }
    elementsOf(reply).forEach((one, index) => {
      if (!isError(one)) return;
      const { key, words } = commands[index]!;
      throw new CommandFailed(
        `${pipeline.name} replies to ${shownWord(words[0]!)} of key '${shownWord(key)}': ${replyText(one)}`,
        key,
      );
    });
  }

  private async watch(): Promise<void> {
    const { pipeline, options } = this;
    const watched = pipeline.call('WATCH', options.stateKey);
    const owner = await lostAsTarget(() => pipeline.call('HGET', options.stateKey, OWNER_FIELD));
    await lostAsTarget(() => watched);
    // An error says nothing about the owner.
    if (isError(owner)) throw notNow(pipeline, replyText(owner));
    if (replyText(owner) !== options.token) throw takenOver(options);
  }

  private async conflict(): Promise<Error> {
    const owner = await lostAsTarget(() => this.pipeline.call('HGET', this.options.stateKey, OWNER_FIELD));
    if (isError(owner)) return notNow(this.pipeline, replyText(owner));
    return replyText(owner) === this.options.token
      ? new TargetLost(`${this.name}: the state was changed by somebody else; reading it again`)
      : takenOver(this.options);
  }

  async read(commands: readonly Command[]): Promise<Reply[]> {
    const replies: Reply[] = [];
    for (const { words } of commands) this.pipeline.add(words, (reply) => void replies.push(reply));
    await lostAsTarget(() => this.pipeline.drain());
    return replies;
  }

  async *scan(glob: string): AsyncGenerator<Uint8Array[]> {
    let cursor = '0';
    do {
      const reply = await ask(this.pipeline, 'SCAN', cursor, 'MATCH', glob, 'COUNT', '1000');
      const [next, keys] = elementsOf(reply);
      cursor = replyText(next);
      yield listOf(keys);
    } while (cursor !== '0');
  }

  close(): void {
    this.pipeline.close();
  }
}

export function takenOver({ stateKey }: TargetOptions): TakenOver {
  return new TakenOver(`another kvasir-mysql has taken over the synchronization of ${stateKey}`);
}

/** Runs a call; a lost link becomes a lost target. */
export async function lostAsTarget<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof LinkLost)) throw error;
    if (error.failure instanceof ConnectError && error.failure.isLasting) throw new TargetUntrusted(error.message);
    throw new TargetLost(error.message);
  }
}

/** A proxy with several servers behind it, on which no transaction can be made. */
export function severalServers(name: string): string {
  return `${name} spreads keys over several servers, and a transaction takes one: name a cluster, a server, or a proxy in front of one server`;
}

/** Errors that may be over later: memory, replicas, loading, a failover. */
function isPassing(text: string): boolean {
  return /^(?:OOM|LOADING|BUSY|MASTERDOWN|NOREPLICAS|READONLY|MISCONF|CLUSTERDOWN|MOVED|ASK|TRYAGAIN)\b/.test(text);
}

/** Says what to do, where waiting may not be enough. */
const advice: readonly (readonly [RegExp, string])[] = [
  [/^READONLY/, 'it is a replica: name its master, unless it is about to become one'],
  [/^OOM/, 'its memory is full: raise maxmemory or remove keys'],
  [/^(?:MOVED|ASK)/, 'it has become a node of a cluster'],
];

function notNow({ name }: Pipeline, text: string): TargetLost {
  const hint = advice.find(([pattern]) => pattern.test(text))?.[1];
  return new TargetLost(`${name}: ${text}${hint === undefined ? '' : ` (${hint})`}`);
}

/** The reply of a command that must not fail for good. */
async function ask(pipeline: Pipeline, ...words: string[]): Promise<Reply> {
  const reply = await lostAsTarget(() => pipeline.call(...words));
  if (!isError(reply)) return reply;
  const text = replyText(reply);
  if (isPassing(text)) throw notNow(pipeline, text);
  throw new TransferError(`${pipeline.name} replies to ${words[0]}: ${text}`);
}
