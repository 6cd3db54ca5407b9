// cluster-target: a Redis Cluster: each slot of a batch gets a transaction of its own, with a mark of how far it is.
//
// No transaction spans slots. So the position of the whole moves on only when all slots have confirmed, and each slot keeps a mark
// in a key of its own, written in its transaction. After a crash the stream is read from the position of the whole, and the engine
// leaves out what a slot's mark says it has.
//
// A connection that was lost may still have bytes on their way. So each connection has a name, and a new one first kills those of the
// same name on its node: whatever they sent and the server has not read is gone then.

import { keySlot, SLOT_COUNT } from '../../base/key-slot.js';
import { isError, type Reply, replyText } from '../../client/reply.js';
import { addressText, type NodeAddress, type SlotMap } from '../../client/slot-map.js';
import type { ServerAddress } from '../../transfer/link/address.js';
import { nodeAddress, readSlotMap } from '../../transfer/link/cluster.js';
import { Pipeline } from '../../transfer/link/pipeline.js';
import { elementsOf, listOf } from '../../transfer/link/replies.js';
import { type Command, wordBytes } from '../mapping/effects.js';
import {
  CommandFailed,
  OWNER_FIELD,
  type RedisTarget,
  type TargetBatch,
  TargetLost,
  type TargetOptions,
} from './redis-target.js';
import { lostAsTarget, takenOver } from './server-target.js';
import { slotTag } from './slot-tags.js';
import { readFields, shownWord, stateCommands } from './state-commands.js';

const TRIES_MAX = 60;
const WAIT_MS = 250;
const passing =
  /^(?:MOVED|ASK|TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN|READONLY|OOM|BUSY|NOREPLICAS|MISCONF|EXECABORT)\b/;

interface SlotWork {
  readonly slot: number;
  readonly commands: readonly Command[];
}

export class ClusterTarget implements RedisTarget {
  readonly isCluster = true;
  private readonly nodes = new Map<string, Promise<Pipeline>>();
  state: ReadonlyMap<string, string> = new Map();
  marks: ReadonlyMap<number, string> = new Map();

  private constructor(
    private readonly seed: ServerAddress,
    private map: SlotMap,
    private readonly options: TargetOptions,
  ) {}

  get name(): string {
    return `cluster of ${this.seed.name}`;
  }

  static async open(seed: ServerAddress, options: TargetOptions): Promise<ClusterTarget> {
    const first = await lostAsTarget(() => Pipeline.open(seed));
    let map: SlotMap;
    try {
      map = await lostAsTarget(() => readSlotMap(first, seed));
    } finally {
      first.close();
    }
    const target = new ClusterTarget(seed, map, options);
    try {
      await target.takeOver();
    } catch (error) {
      target.close();
      throw error;
    }
    return target;
  }

  private async takeOver(): Promise<void> {
    const { stateKey, token } = this.options;
    const slot = keySlot(Buffer.from(stateKey));
    const [reply] = await this.read([{ key: stateKey, words: ['HGETALL', stateKey] }]);
    const before = readFields(reply!);
    if (this.options.expectsOwn && before.has(OWNER_FIELD) && before.get(OWNER_FIELD) !== token)
      throw takenOver(this.options);
    if (this.options.takesOver) {
      // Connections to all masters first: each ends those of the owner before.
      for (const { master } of this.map.shards) await this.node(master);
      await this.runSlots([{ slot, commands: [{ key: stateKey, words: ['HSET', stateKey, OWNER_FIELD, token] }] }]);
    }
    const [again] = await this.read([{ key: stateKey, words: ['HGETALL', stateKey] }]);
    this.state = readFields(again!);
    this.marks = await this.readMarks();
  }

  private markKey(slot: number): string {
    return `kvasir-mysql:{${slotTag(slot)}}:${this.options.stateKey}`;
  }

  private async readMarks(): Promise<Map<number, string>> {
    const marks = new Map<number, string>();
    const commands: Command[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      const key = this.markKey(slot);
      commands.push({ key, words: ['GET', key] });
    }
    const replies = await this.read(commands);
    replies.forEach((reply, slot) => {
      if (reply.kind === 'bulk') marks.set(slot, Buffer.from(reply.bytes).toString('utf8'));
    });
    return marks;
  }

  private async node(address: NodeAddress): Promise<Pipeline> {
    const name = addressText(address);
    const known = this.nodes.get(name);
    if (known !== undefined) {
      const pipeline = await known;
      if (pipeline.lost === undefined) return pipeline;
      throw new TargetLost(pipeline.lost.message);
    }
    const opening = this.openNode(address);
    this.nodes.set(name, opening);
    opening.catch(() => this.nodes.delete(name));
    return opening;
  }

  private async openNode(address: NodeAddress): Promise<Pipeline> {
    const pipeline = await lostAsTarget(() => Pipeline.open(nodeAddress(this.seed, address)));
    if (!this.options.takesOver) return pipeline;
    const name = this.options.stateKey.replace(/[^!-~]/g, '_');
    await lostAsTarget(() => pipeline.must('CLIENT', 'SETNAME', name));
    const id = replyText(await lostAsTarget(() => pipeline.must('CLIENT', 'ID')));
    const list = replyText(await lostAsTarget(() => pipeline.must('CLIENT', 'LIST')));
    for (const line of list.split('\n')) {
      const other = /^id=(\d+) /.exec(line)?.[1];
      const isNamed = line.includes(` name=${name} `);
      if (other !== undefined && other !== id && isNamed)
        await lostAsTarget(() => pipeline.call('CLIENT', 'KILL', 'ID', other));
    }
    return pipeline;
  }

  async apply(batch: TargetBatch): Promise<void> {
    const slots = new Map<number, Command[]>();
    for (const command of batch.commands) {
      const slot = keySlot(wordBytes(command.key));
      const list = slots.get(slot);
      if (list === undefined) slots.set(slot, [command]);
      else list.push(command);
    }
    const { mark } = batch;
    const work: SlotWork[] = [...slots].map(([slot, commands]) => {
      const key = this.markKey(slot);
      return { slot, commands: mark === undefined ? commands : [...commands, { key, words: ['SET', key, mark] }] };
    });
    await this.runSlots(work);
    const state = stateCommands(this.options.stateKey, batch.state);
    if (state.length > 0) await this.runSlots([{ slot: keySlot(Buffer.from(this.options.stateKey)), commands: state }]);
  }

  /** Runs a transaction for each slot, again for those that were redirected, until all are done. */
  private async runSlots(all: readonly SlotWork[]): Promise<void> {
    let work = all;
    for (let round = 0; work.length > 0; round++) {
      const failed: { work: SlotWork; reason: string }[] = [];
      await Promise.all(work.map((one) => this.runSlot(one, (reason) => failed.push({ work: one, reason }))));
      if (failed.length === 0) return;
      if (round === TRIES_MAX) throw new TargetLost(`${this.name}: slot ${failed[0]!.work.slot}: ${failed[0]!.reason}`);
      if (round > 0) await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
      await this.refresh();
      work = failed.map((one) => one.work);
    }
  }

  private async runSlot({ slot, commands }: SlotWork, fail: (reason: string) => void): Promise<void> {
    const owner = this.map.ownerOf(slot);
    if (owner === undefined) {
      fail('no node serves it');
      return;
    }
    const pipeline = await this.node(owner);
    const replies: Reply[] = [];
    pipeline.add(['MULTI'], (reply) => void replies.push(reply));
    for (const { words } of commands) pipeline.add([...words], (reply) => void replies.push(reply));
    const reply = await lostAsTarget(() => pipeline.call('EXEC'));
    if (pipeline.lost !== undefined) throw new TargetLost(pipeline.lost.message);
    if (isError(reply)) {
      const at = replies.findIndex((one) => isError(one));
      const text = replyText(replies[at] ?? reply);
      if (passing.test(text)) {
        fail(text);
        return;
      }
      throw new CommandFailed(`${pipeline.name} refuses: ${text}`, commands[at - 1]?.key ?? '');
    }
    elementsOf(reply).forEach((one, index) => {
      if (!isError(one)) return;
      const { key } = commands[index]!;
      throw new CommandFailed(`${pipeline.name} replies for key '${shownWord(key)}': ${replyText(one)}`, key);
    });
  }

  private async refresh(): Promise<void> {
    for (const opening of this.nodes.values()) {
      const pipeline = await opening.catch(() => undefined);
      if (pipeline === undefined || pipeline.lost !== undefined) continue;
      this.map = await lostAsTarget(() => readSlotMap(pipeline, this.seed));
      return;
    }
    throw new TargetLost(`${this.name}: no node is connected`);
  }

  async read(commands: readonly Command[]): Promise<Reply[]> {
    const replies = new Array<Reply | undefined>(commands.length).fill(undefined);
    for (let round = 0; ; round++) {
      const used = new Set<Pipeline>();
      for (const [index, { key, words }] of commands.entries()) {
        const reply = replies[index];
        if (reply !== undefined && !(isError(reply) && passing.test(replyText(reply)))) continue;
        const owner = this.map.ownerOf(keySlot(wordBytes(key)));
        if (owner === undefined) throw new TargetLost(`${this.name}: a slot is served by no node`);
        const pipeline = await this.node(owner);
        used.add(pipeline);
        pipeline.add([...words], (one) => void (replies[index] = one));
      }
      if (used.size === 0) return replies as Reply[];
      for (const pipeline of used) await lostAsTarget(() => pipeline.drain());
      if (!replies.some((reply) => isError(reply!) && passing.test(replyText(reply)))) return replies as Reply[];
      if (round === TRIES_MAX) throw new TargetLost(`${this.name}: still redirected`);
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
      await this.refresh();
    }
  }

  async *scan(glob: string): AsyncGenerator<Uint8Array[]> {
    for (const { master } of this.map.shards) {
      const pipeline = await this.node(master);
      let cursor = '0';
      do {
        const reply = await lostAsTarget(() => pipeline.must('SCAN', cursor, 'MATCH', glob, 'COUNT', '1000'));
        const [next, keys] = elementsOf(reply);
        cursor = replyText(next);
        yield listOf(keys);
      } while (cursor !== '0');
    }
  }

  close(): void {
    for (const opening of this.nodes.values())
      void opening.then(
        (pipeline) => pipeline.close(),
        () => undefined,
      );
    this.nodes.clear();
  }
}
