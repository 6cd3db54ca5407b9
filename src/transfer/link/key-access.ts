// key-access: commands about single keys of a server or of a whole cluster, whichever node has the key at the moment.
//
// Only for what may happen twice (reading, DEL): a lost connection is opened again and the questions are asked once more. In a
// cluster MOVED reads the map anew, ASK goes to the node that it names, and a failover is waited for.

import { isError, type Reply, replyText } from '../../client/reply.js';
import { readRedirection } from '../../client/redirection.js';
import { addressText, type NodeAddress, type SlotMap } from '../../client/slot-map.js';
import type { Word } from '../record/commands.js';
import { recordOfPayload } from '../record/payload.js';
import { type KeyRecord, NO_EXPIRY, TransferError } from '../record/record.js';
import { sleep } from '../sleep.js';
import type { ServerAddress } from './address.js';
import { nodeAddress, readSlotMap } from './cluster.js';
import { LinkLost, Pipeline } from './pipeline.js';
import { probeServer } from './probe.js';
import { bytesOf, elementsOf, listOf, numberOf } from './replies.js';

const SCAN_COUNT = 500;
const RETRY_MS = 200;
/** How long a server may be away: longer than a failover takes. */
const AWAY_MS_MAX = 60_000;

/** A server's value under a key; `exists` without a record is a payload that cannot be read. */
export interface ReadKey {
  readonly record: KeyRecord | undefined;
  readonly exists: boolean;
}

interface Question {
  readonly index: number;
  readonly key: Uint8Array;
  readonly to: NodeAddress | undefined;
}

export class KeyAccess {
  private readonly nodes = new Map<string, Pipeline>();
  private hasExpireTime = true;

  private constructor(
    readonly address: ServerAddress,
    private map: SlotMap | undefined,
    private readonly nowMs: () => number,
  ) {}

  static async open(address: ServerAddress, nowMs: () => number): Promise<KeyAccess> {
    const { isCluster } = await probeServer(address);
    const access = new KeyAccess(address, undefined, nowMs);
    const pipeline = await access.pipelineOf(undefined);
    if (isCluster) access.map = await readSlotMap(pipeline, address);
    return access;
  }

  get isCluster(): boolean {
    return this.map !== undefined;
  }

  /** The masters of a cluster; undefined stands for a server that is none. */
  get masters(): readonly (NodeAddress | undefined)[] {
    return this.map === undefined ? [undefined] : this.map.shards.map(({ master }) => master);
  }

  get slotMap(): SlotMap | undefined {
    return this.map;
  }

  async pipelineOf(node: NodeAddress | undefined): Promise<Pipeline> {
    const name = node === undefined ? '' : addressText(node);
    const known = this.nodes.get(name);
    if (known !== undefined && known.lost === undefined) return known;
    const made = await Pipeline.open(node === undefined ? this.address : nodeAddress(this.address, node));
    this.nodes.set(name, made);
    return made;
  }

  /** Reads the map of slots anew, from whichever node answers. */
  async refresh(): Promise<void> {
    if (this.map === undefined) return;
    let last: unknown;
    for (const node of [undefined, ...this.map.nodes])
      try {
        this.map = await readSlotMap(await this.pipelineOf(node), this.address);
        return;
      } catch (error) {
        last = error;
      }
    throw last;
  }

  /** Databases that have keys. */
  async databases(): Promise<number[]> {
    if (this.map !== undefined) return [0];
    const text = replyText(await (await this.pipelineOf(undefined)).must('INFO', 'keyspace'));
    return [...text.matchAll(/^db(\d+):/gm)].map(([, number]) => Number(number)).sort((a, b) => a - b);
  }

  /** All keys, a page at a time; some may come twice. */
  async *scan(database: number, match?: Uint8Array): AsyncGenerator<Uint8Array[], void> {
    for (const master of this.masters) {
      let cursor = '0';
      do {
        const words: Word[] = ['SCAN', cursor, 'COUNT', String(SCAN_COUNT)];
        if (match !== undefined) words.push('MATCH', match);
        const pipeline = await this.pipelineOf(master);
        if (!this.isCluster) pipeline.add(['SELECT', String(database)]);
        const [next, list] = elementsOf(await pipeline.must(...words));
        cursor = replyText(next);
        yield listOf(list);
      } while (cursor !== '0');
    }
  }

  /** Asks the same of each key; `take` gets the replies of a key, in the order of its commands. */
  async ask(
    database: number,
    keys: readonly Uint8Array[],
    wordsOf: (key: Uint8Array) => readonly (readonly Word[])[],
    take: (index: number, replies: readonly Reply[]) => void,
  ): Promise<void> {
    let open: Question[] = keys.map((key, index) => ({ index, key, to: undefined }));
    const endMs = performance.now() + AWAY_MS_MAX;
    for (let round = 0; open.length > 0; round++) {
      if (round > 0) {
        if (performance.now() > endMs)
          throw new LinkLost(`${this.address.name}: no node answers for some keys since a minute`);
        const isOnlyAsk = open.every(({ to }) => to !== undefined);
        if (!isOnlyAsk) await sleep(round === 1 ? 1 : RETRY_MS);
        if (!isOnlyAsk) await this.refresh().catch(() => undefined);
      }
      open = await this.askOnce(database, open, wordsOf, take);
    }
  }

  private async askOnce(
    database: number,
    questions: readonly Question[],
    wordsOf: (key: Uint8Array) => readonly (readonly Word[])[],
    take: (index: number, replies: readonly Reply[]) => void,
  ): Promise<Question[]> {
    const again: Question[] = [];
    let failure: Error | undefined;
    const groups = new Map<string, { node: NodeAddress | undefined; questions: Question[] }>();
    for (const question of questions) {
      const node = question.to ?? this.map?.ownerOfKey(question.key);
      if (node === undefined && this.map !== undefined) {
        again.push(question);
        continue;
      }
      const name = node === undefined ? '' : addressText(node);
      const group = groups.get(name) ?? { node, questions: [] };
      groups.set(name, group);
      group.questions.push(question);
    }
    await Promise.all(
      [...groups.values()].map(async (group) => {
        const left = new Set(group.questions);
        try {
          const pipeline = await this.pipelineOf(group.node);
          if (this.map === undefined) pipeline.add(['SELECT', String(database)]);
          for (const question of group.questions)
            this.put(pipeline, question, wordsOf(question.key), (replies) => {
              const other = this.redirection(question, replies);
              left.delete(question);
              if (other !== undefined) {
                again.push(other);
                return;
              }
              // A pipeline takes an exception for a fault of the link.
              try {
                take(question.index, replies);
              } catch (error) {
                failure ??= error as Error;
              }
            });
          await pipeline.drain();
        } catch (error) {
          if (!(error instanceof LinkLost)) throw error;
        }
        for (const { index, key } of left) again.push({ index, key, to: undefined });
      }),
    );
    if (failure !== undefined) throw failure as Error;
    return again;
  }

  private put(
    pipeline: Pipeline,
    { to }: Question,
    commands: readonly (readonly Word[])[],
    take: (replies: readonly Reply[]) => void,
  ): void {
    const replies: Reply[] = [];
    for (const words of commands) {
      if (to !== undefined) pipeline.add(['ASKING']);
      pipeline.add(words, (reply) => {
        replies.push(reply);
        if (replies.length === commands.length && pipeline.lost === undefined) take(replies);
      });
    }
  }

  /** Where to ask again, when a reply says that the key is elsewhere. */
  private redirection({ index, key }: Question, replies: readonly Reply[]): Question | undefined {
    if (this.map === undefined) return undefined;
    for (const reply of replies) {
      if (!isError(reply)) continue;
      const found = readRedirection(reply, this.map.ownerOfKey(key));
      if (found?.kind === 'ASK') return { index, key, to: found.address };
      if (found !== undefined || /^(TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN)/.test(replyText(reply)))
        return { index, key, to: undefined };
    }
    return undefined;
  }

  /** Reads the values under the keys, with the exact time to live where the server reports it. */
  async read(database: number, keys: readonly Uint8Array[]): Promise<ReadKey[]> {
    const found: ReadKey[] = keys.map(() => ({ record: undefined, exists: false }));
    const refused: number[] = [];
    await this.ask(
      database,
      keys,
      (key) => [
        ['DUMP', key],
        [this.hasExpireTime ? 'PEXPIRETIME' : 'PTTL', key],
      ],
      (index, [dumped, time]) => {
        if (this.hasExpireTime && isError(time!)) {
          refused.push(index);
          return;
        }
        if (isError(dumped!)) throw new TransferError(`${this.address.name} replies to DUMP: ${replyText(dumped)}`);
        found[index] = readingOf(dumped, expiryOf(time, this.hasExpireTime, this.nowMs), database, keys[index]!);
      },
    );
    if (refused.length > 0) {
      // Before Redis 7.0.
      this.hasExpireTime = false;
      const again = await this.read(
        database,
        refused.map((index) => keys[index]!),
      );
      refused.forEach((index, place) => (found[index] = again[place]!));
    }
    return found;
  }

  async exists(database: number, keys: readonly Uint8Array[]): Promise<boolean[]> {
    const found: boolean[] = [];
    await this.ask(
      database,
      keys,
      (key) => [['EXISTS', key]],
      (index, [reply]) => {
        if (isError(reply!)) throw new TransferError(`${this.address.name} replies to EXISTS: ${replyText(reply)}`);
        found[index] = numberOf(reply) > 0;
      },
    );
    return found;
  }

  async remove(database: number, keys: readonly Uint8Array[]): Promise<void> {
    await this.ask(
      database,
      keys,
      (key) => [['DEL', key]],
      (_index, [reply]) => {
        if (isError(reply!)) throw new TransferError(`${this.address.name} replies to DEL: ${replyText(reply)}`);
      },
    );
  }

  close(): void {
    for (const pipeline of this.nodes.values()) pipeline.close();
    this.nodes.clear();
  }
}

/** The time of expiry, out of the reply of PEXPIRETIME or PTTL. */
export function expiryOf(reply: Reply | undefined, isAbsolute: boolean, nowMs: () => number): number {
  const number = numberOf(reply);
  if (!(number >= 0)) return NO_EXPIRY;
  return isAbsolute ? number : nowMs() + number;
}

/** Reads the reply of DUMP. */
export function readingOf(reply: Reply | undefined, expireAtMs: number, database: number, key: Uint8Array): ReadKey {
  const payload = bytesOf(reply);
  if (payload === undefined) return { record: undefined, exists: false };
  return { record: recordOfPayload(payload, key, database, expireAtMs), exists: true };
}
