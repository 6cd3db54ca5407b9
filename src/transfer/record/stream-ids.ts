// stream-ids: ids of stream entries as text, as 16 bytes, and moved by the differences that stream nodes hold.

const LOW = 4294967296;

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** One half of an id: a number where it is exact, else a bigint. */
export function halfOf(bytes: Uint8Array, at: number): number | bigint {
  const high = word(bytes, at);
  const low = word(bytes, at + 4);
  return high <= 0x1fffff ? high * LOW + low : (BigInt(high) << 32n) | BigInt(low);
}

export function idText(bytes: Uint8Array): string {
  return `${halfOf(bytes, 0)}-${halfOf(bytes, 8)}`;
}

/** The half of an id that is `delta` (decimal text) further, in 64 bits. */
export function addToHalf(half: number | bigint, delta: string): number | bigint {
  if (typeof half === 'number') {
    const sum = half + Number(delta);
    if (Number.isSafeInteger(sum) && sum >= 0) return sum;
  }
  return BigInt.asUintN(64, BigInt(half) + BigInt(delta));
}

export function splitId(id: string): [bigint, bigint] {
  const dash = id.indexOf('-');
  return [BigInt(id.slice(0, dash)), BigInt(id.slice(dash + 1))];
}

/** 16 bytes, big endian. */
export function idBytes(id: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  const [ms, sequence] = splitId(id);
  view.setBigUint64(0, ms);
  view.setBigUint64(8, sequence);
  return bytes;
}

export function isStreamId(text: string): boolean {
  return /^\d{1,20}-\d{1,20}$/.test(text) && splitId(text).every((half) => half < 1n << 64n);
}
