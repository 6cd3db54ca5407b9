// md5: the digest of RFC 1321 as four words, without an object for each call.
//
// Consistent hashing by MD5 needs a digest for each key that is looked up; node:crypto makes several objects for one, which
// costs five times as much as the digest of a short key.

const shifts = Uint8Array.from([7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]);
const sines = new Int32Array(64);
for (let index = 0; index < 64; index++) sines[index] = Math.floor(Math.abs(Math.sin(index + 1)) * 2 ** 32) | 0;

const block = new Int32Array(16);

/** The words of the last digest; each is four bytes of it, the lowest first. */
export const digestWords = new Uint32Array(4);

/** Digests `length` bytes from `offset` on into `digestWords`. @hot */
export function md5(bytes: Uint8Array, offset = 0, length = bytes.length - offset): void {
  digestWords[0] = 0x67452301;
  digestWords[1] = 0xefcdab89;
  digestWords[2] = 0x98badcfe;
  digestWords[3] = 0x10325476;
  const whole = length & ~63;
  for (let at = 0; at < whole; at += 64) {
    fillBlock(bytes, offset + at, 64);
    mixBlock();
  }
  const rest = length - whole;
  fillBlock(bytes, offset + whole, rest);
  block[rest >>> 2]! |= 0x80 << ((rest & 3) * 8);
  if (rest >= 56) {
    mixBlock();
    block.fill(0);
  }
  block[14] = length << 3;
  block[15] = Math.floor(length / 2 ** 29);
  mixBlock();
}

/** Puts up to 64 bytes into the block, and zeros after them. */
function fillBlock(bytes: Uint8Array, offset: number, length: number): void {
  block.fill(0);
  for (let index = 0; index < length; index++) block[index >>> 2]! |= bytes[offset + index]! << ((index & 3) * 8);
}

function mixBlock(): void {
  let a = digestWords[0]! | 0;
  let b = digestWords[1]! | 0;
  let c = digestWords[2]! | 0;
  let d = digestWords[3]! | 0;
  for (let step = 0; step < 64; step++) {
    const round = step >>> 4;
    let mixed: number;
    let word: number;
    if (round === 0) {
      mixed = (b & c) | (~b & d);
      word = step;
    } else if (round === 1) {
      mixed = (d & b) | (~d & c);
      word = (5 * step + 1) & 15;
    } else if (round === 2) {
      mixed = b ^ c ^ d;
      word = (3 * step + 5) & 15;
    } else {
      mixed = c ^ (b | ~d);
      word = (7 * step) & 15;
    }
    const sum = (a + mixed + sines[step]! + block[word]!) | 0;
    const shift = shifts[round * 4 + (step & 3)]!;
    a = d;
    d = c;
    c = b;
    b = (b + ((sum << shift) | (sum >>> (32 - shift)))) | 0;
  }
  digestWords[0] = digestWords[0]! + a;
  digestWords[1] = digestWords[1]! + b;
  digestWords[2] = digestWords[2]! + c;
  digestWords[3] = digestWords[3]! + d;
}
