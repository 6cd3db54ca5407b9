// cluster: pipelines to the masters of a cluster, and a sink that writes each record to the node of its slot.
//
// Records whose commands are redirected are sent again in their order once everything before them was answered: MOVED and
// CLUSTERDOWN after the map was read anew, ASK with ASKING to the node that it names.

import { keySlot } from '../../base/key-slot.js';
import { readRedirection } from '../../client/redirection.js';
import { addressText, type NodeAddress, readClusterSlots, SlotMap } from '../../client/slot-map.js';
import { isError, replyText } from '../../client/reply.js';
import { type Batch, type Sink, TransferError, type TransferRecord } from '../record/record.js';
import { ServerSink, type ServerSinkOptions } from '../sinks/server-sink.js';
import { sleep } from '../sleep.js';
import { replyOf } from './replies.js';
import type { ServerAddress } from './address.js';
import { Pipeline } from './pipeline.js';

const ROUNDS_MAX = 100;
const WAIT_MS = 100;

/** Whether the server is a node of a cluster. */
export async function isClusterNode(pipeline: Pipeline): Promise<boolean> {
  const reply = await pipeline.call('INFO', 'cluster');
  return !isError(reply) && /^cluster_enabled:1/m.test(replyText(reply));
}

export async function readSlotMap(pipeline: Pipeline, address: ServerAddress): Promise<SlotMap> {
  const map = readClusterSlots(await pipeline.must('CLUSTER', 'SLOTS'), address.endpoint);
  if (map.shards.length === 0) throw new TransferError(`${address.name}: no node of the cluster serves slots`);
  return map;
}

/** The same login, at another node. */
export function nodeAddress(seed: ServerAddress, node: NodeAddress): ServerAddress {
  return {
    ...seed,
    endpoint: { ...seed.endpoint, path: undefined, host: node.host, port: node.port },
    name: addressText(node),
  };
}

interface Node {
  readonly pipeline: Pipeline;
  readonly sink: ServerSink;
}

export class ClusterSink implements Sink {
  private readonly nodes = new Map<string, Node>();
  private redirected: { record: TransferRecord; reply: string }[] = [];
  private isStale = false;

  private constructor(
    private readonly seed: ServerAddress,
    private map: SlotMap,
    private readonly options: ServerSinkOptions,
  ) {}

  static async open(seed: ServerAddress, options: ServerSinkOptions): Promise<ClusterSink> {
    const pipeline = await Pipeline.open(seed);
    const map = await readSlotMap(pipeline, seed);
    pipeline.close();
    return new ClusterSink(seed, map, options);
  }

  get name(): string {
    return `cluster of ${this.seed.name}`;
  }

  private async node(address: NodeAddress): Promise<Node> {
    const text = addressText(address);
    const known = this.nodes.get(text);
    if (known !== undefined) return known;
    const pipeline = await Pipeline.open(nodeAddress(this.seed, address));
    const sink = new ServerSink(pipeline, {
      ...this.options,
      onRedirect: (record, reply) => {
        this.redirected.push({ record, reply });
        if (!reply.startsWith('ASK')) this.isStale = true;
      },
    });
    const made = { pipeline, sink };
    this.nodes.set(text, made);
    return made;
  }

  private ownerOf(key: Uint8Array): NodeAddress {
    const owner = this.map.ownerOfKey(key);
    if (owner === undefined) throw new TransferError(`no node serves slot ${keySlot(key)}`);
    return owner;
  }

  async write(batch: Batch): Promise<void> {
    const groups = new Map<string, { node: Node; records: TransferRecord[] }>();
    const add = async (record: TransferRecord, address: NodeAddress): Promise<void> => {
      const text = addressText(address);
      const group = groups.get(text) ?? { node: await this.node(address), records: [] };
      groups.set(text, group);
      group.records.push(record);
    };
    for (const record of batch.records) {
      if (record.what === 'aux') continue;
      if (record.what === 'function') {
        for (const { master } of this.map.shards) await add(record, master);
        continue;
      }
      if (record.database !== 0 && record.what === 'key') {
        this.options.onError(record.key, `a cluster has no database ${record.database}`);
        continue;
      }
      const key = record.what === 'key' ? record.key : record.firstKey;
      // Commands without a key (SCRIPT LOAD, PUBLISH) go to every master.
      if (key === undefined) for (const { master } of this.map.shards) await add(record, master);
      else await add(record, this.ownerOf(key));
    }
    for (const { node, records } of groups.values()) await node.sink.write({ records, sourceBytes: batch.sourceBytes });
    if (this.redirected.length > 0) await this.settle();
  }

  /** Sends redirected records to where they belong, until none comes back. */
  private async settle(): Promise<void> {
    for (let round = 0; ; round++) {
      for (const { sink } of this.nodes.values()) await sink.flush();
      if (this.redirected.length === 0) return;
      if (round === ROUNDS_MAX)
        throw new TransferError(
          `${this.name}: still redirected after ${ROUNDS_MAX} tries: ${this.redirected[0]!.reply}`,
        );
      if (this.isStale) {
        await sleep(round === 0 ? 0 : WAIT_MS);
        await this.refresh();
      }
      for (const { record, reply } of this.redirected.splice(0)) {
        const redirection = readRedirection(replyOf(reply), undefined);
        const isAsk = redirection?.kind === 'ASK';
        const key = record.what === 'key' ? record.key : record.what === 'command' ? record.firstKey : undefined;
        const address = isAsk ? redirection!.address : this.ownerOf(key ?? Buffer.alloc(0));
        const { sink } = await this.node(address);
        sink.put(record, isAsk);
        // One after the other: a later command may need the former's effect.
        await sink.flush();
      }
    }
  }

  private async refresh(): Promise<void> {
    this.isStale = false;
    for (const { pipeline } of this.nodes.values()) {
      if (pipeline.lost !== undefined) continue;
      this.map = await readSlotMap(pipeline, this.seed);
      return;
    }
  }

  async flush(): Promise<void> {
    for (const { sink } of this.nodes.values()) await sink.flush();
    if (this.redirected.length > 0) await this.settle();
  }

  async close(): Promise<void> {
    await this.flush();
    for (const { pipeline } of this.nodes.values()) pipeline.close();
  }
}
