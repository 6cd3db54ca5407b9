// request: the bytes of a command, prepared once, and the places in them that change from request to request.
//
// `__rand_int__` is replaced by 12 digits below the keyspace length, each occurrence on its own; of `__rand_1st__` to
// `__rand_9th__` all occurrences in one command get the same number. `{tag}` is replaced by a hash tag of a slot that
// the connection's node owns. All placeholders are as long as what replaces them, so a patch never moves a byte.

const placeholderDigits = 12;

/** Names of the placeholders in the order of their group number; group 0 is drawn anew at each occurrence. */
const placeholders = [
  '__rand_int__',
  '__rand_1st__',
  '__rand_2nd__',
  '__rand_3rd__',
  '__rand_4th__',
  '__rand_5th__',
  '__rand_6th__',
  '__rand_7th__',
  '__rand_8th__',
  '__rand_9th__',
];

export interface RequestTemplate {
  /** One command on the wire. */
  bytes: Uint8Array;
  /** Offsets of the 12-digit places and the group of each. */
  randomOffsets: Int32Array;
  randomGroups: Uint8Array;
  /** Offsets of the three bytes between the braces of `{tag}`. */
  tagOffsets: Int32Array;
}

/** Encodes a command as a multi-bulk request. Strings are taken as UTF-8. */
export function encodeCommand(args: readonly (string | Uint8Array)[]): Uint8Array {
  const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === 'string' ? Buffer.from(arg) : arg;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** Finds the places to patch in a command. Random ones only where a keyspace was asked for, tags only in a cluster. */
export function makeTemplate(bytes: Uint8Array, wantsRandom: boolean, wantsTags: boolean): RequestTemplate {
  const random: { offset: number; group: number }[] = [];
  if (wantsRandom) {
    placeholders.forEach((name, group) => {
      for (const offset of occurrences(bytes, name)) random.push({ offset, group });
    });
  }
  random.sort((left, right) => left.offset - right.offset);
  return {
    bytes,
    randomOffsets: Int32Array.from(random, (place) => place.offset),
    randomGroups: Uint8Array.from(random, (place) => place.group),
    tagOffsets: Int32Array.from(wantsTags ? occurrences(bytes, '{tag}') : [], (offset) => offset + 1),
  };
}

/** The template repeated `count` times, as one batch of a pipeline. */
export function repeatTemplate(template: RequestTemplate, count: number): Uint8Array {
  const batch = new Uint8Array(template.bytes.length * count);
  for (let copy = 0; copy < count; copy++) batch.set(template.bytes, copy * template.bytes.length);
  return batch;
}

function occurrences(bytes: Uint8Array, text: string): number[] {
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: number[] = [];
  for (let at = haystack.indexOf(text); at >= 0; at = haystack.indexOf(text, at + text.length)) found.push(at);
  return found;
}

/** Small fast generator of 32-bit numbers (xorshift by Marsaglia); quality is enough to spread keys. */
export class KeyGenerator {
  private state: number;
  private readonly keyspaceLength: number;
  private readonly digits: number;
  private readonly groupValues = new Float64Array(placeholders.length);

  constructor(seed: number, keyspaceLength: number) {
    this.state = (Math.imul(seed | 0, 0x9e3779b1) ^ 0x6a09e667) | 0 || 1;
    this.keyspaceLength = keyspaceLength;
    this.digits = Math.min(placeholderDigits, Math.max(1, String(Math.max(0, keyspaceLength - 1)).length));
    for (let warmup = 0; warmup < 8; warmup++) this.next();
  }

  /** @hot A number from 0 to the keyspace length, exclusive; 0 when that is 0. */
  next(): number {
    let state = this.state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.state = state;
    return this.keyspaceLength === 0 ? 0 : (state >>> 0) % this.keyspaceLength;
  }

  /** Writes zeros into every random place, so that later patches touch only the digits that change. */
  prepare(batch: Uint8Array, template: RequestTemplate, count: number): void {
    for (let copy = 0; copy < count; copy++) {
      const base = copy * template.bytes.length;
      for (const offset of template.randomOffsets) batch.fill(48, base + offset, base + offset + placeholderDigits);
    }
  }

  /** @hot Draws new numbers for the first `count` commands of a prepared batch. */
  patch(batch: Uint8Array, template: RequestTemplate, count: number): void {
    const { randomOffsets, randomGroups } = template;
    const commandBytes = template.bytes.length;
    for (let copy = 0; copy < count; copy++) {
      const base = copy * commandBytes;
      let drawn = 0;
      for (let place = 0; place < randomOffsets.length; place++) {
        const group = randomGroups[place]!;
        let number = 0;
        if (group === 0) number = this.next();
        else {
          if ((drawn & (1 << group)) === 0) this.groupValues[group] = this.next();
          drawn |= 1 << group;
          number = this.groupValues[group]!;
        }
        let at = base + randomOffsets[place]! + placeholderDigits - 1;
        for (let digit = 0; digit < this.digits; digit++) {
          const rest = (number / 10) | 0;
          batch[at--] = 48 + number - rest * 10;
          number = rest;
        }
      }
    }
  }
}
