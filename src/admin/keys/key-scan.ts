// key-scan: walks the keys of a server in small steps, node after node of a cluster, so that neither side waits long.
//
// Each SCAN looks at COUNT places, which takes a server less than a millisecond, and a step ends after its time. The cursor that
// the page keeps is "node:cursor"; a cluster whose masters changed meanwhile starts again at the node that has the number.
import { isAggregate, isError, replyText, type Reply } from '../../client/reply.js';
import type { NodeAddress } from '../../client/slot-map.js';
import type { Clock } from '../../io/clock.js';
import { ApiError } from '../api-error.js';
import type { ServerLink } from '../link/server-link.js';
import { bytesOfText } from '../text-bytes.js';

export const COUNT_PER_SCAN = 1000;
/** After a reply of so many bytes, the next looks at fewer places: names may have a megabyte. */
const replyBytesMax = 4 << 20;
const countOfLongNames = 10;

/** A text in a pattern that stands for itself. */
function escapePattern(bytes: Uint8Array): Uint8Array {
  const escaped: number[] = [];
  for (const byte of bytes) {
    // * ? [ ] and the backslash
    if (byte === 42 || byte === 63 || byte === 91 || byte === 93 || byte === 92) escaped.push(92);
    escaped.push(byte);
  }
  return Uint8Array.from(escaped);
}

/** The pattern of all keys with a prefix, which is in the form of text-bytes. */
export function startingWith(prefix: string): Uint8Array {
  return Buffer.concat([escapePattern(bytesOfText(prefix)), Buffer.from('*')]);
}

export interface ScanQuery {
  readonly database: number;
  /** MATCH; undefined for all keys. */
  readonly pattern: Uint8Array | undefined;
  readonly type: string | undefined;
}

export class KeyScan {
  /** Places of the keyspace that were looked at, roughly keys. */
  scanned = 0;
  private nodes: readonly (NodeAddress | undefined)[] | undefined;
  private node = 0;
  private cursor = '0';
  private count = COUNT_PER_SCAN;
  isDone = false;

  constructor(
    private readonly link: ServerLink,
    private readonly query: ScanQuery,
    position: string,
  ) {
    const match = /^(\d{1,4}):(\d{1,20})$/.exec(position);
    if (position !== '' && match === null) throw new ApiError('bad-input', 'The cursor is none of ours.');
    if (match !== null) {
      this.node = Number(match[1]);
      this.cursor = match[2]!;
    }
  }

  /** Where to go on. */
  get position(): string {
    return `${this.node}:${this.cursor}`;
  }

  /** The keys of the next SCAN. */
  async next(): Promise<Uint8Array[]> {
    this.nodes ??= await this.link.dataNodes();
    if (this.node >= this.nodes.length) {
      this.isDone = true;
      return [];
    }
    const { database, pattern, type } = this.query;
    const words: (string | Uint8Array)[] = ['SCAN', this.cursor, 'COUNT', String(this.count)];
    if (pattern !== undefined) words.push('MATCH', pattern);
    if (type !== undefined) words.push('TYPE', type);
    const reply = await this.link.callNode(this.nodes[this.node], database, words);
    const { cursor, keys } = readScan(reply);
    this.scanned += this.count;
    const bytes = keys.reduce((sum, key) => sum + key.length, 0);
    if (bytes > replyBytesMax) this.count = countOfLongNames;
    this.cursor = cursor;
    if (cursor === '0') {
      this.node++;
      this.isDone = this.node >= this.nodes.length;
    }
    return keys;
  }

  /** Calls `take` for the keys of several SCANs, until the time is over, it returns false, or there are no more. */
  async step(clock: Clock, timeMs: number, take: (keys: Uint8Array[]) => boolean): Promise<void> {
    const endMs = clock.steadyMs() + timeMs;
    while (!this.isDone) {
      if (!take(await this.next())) return;
      if (clock.steadyMs() >= endMs) return;
    }
  }
}

export function readScan(reply: Reply): { cursor: string; keys: Uint8Array[] } {
  if (isError(reply)) throw new ApiError('server-error', replyText(reply));
  const [cursor, list] = isAggregate(reply) ? reply.elements : [];
  if (cursor === undefined || list === undefined || !isAggregate(list))
    throw new ApiError('server-error', 'The server does not reply to SCAN as expected.');
  return {
    cursor: replyText(cursor),
    keys: list.elements.map((key) => (key.kind === 'bulk' ? key.bytes : Buffer.alloc(0))),
  };
}
