// seal: the encrypted form of a backup, in pieces so that damage shows before the end and memory stays small.
//
//   offset  bytes
//        0      8  "KVASIRB1"
//        8      1  where the file's key comes from: 0 a key of 32 bytes, 1 a passphrase
//        9      3  scrypt's log2(N), r and p; zeros with a key
//       12      4  bytes of a piece (big endian)
//       16     16  salt
//       32         pieces
//
// The file's key is HKDF-SHA256(key, salt, "kvasir-backup") or scrypt(passphrase, salt), 32 bytes. A piece is AES-256-GCM of
// that many bytes of the content (the last one of fewer, perhaps none), followed by the tag of 16 bytes. Its nonce is the
// piece's number in 11 bytes (big endian, from 0) and one byte that is 1 in the last piece; the header is the additional data.
// So pieces cannot be cut off, exchanged or taken from another file: the STREAM construction of Hoang, Reyhanitabar, Rogaway
// and Vizár (2015). Each file has a key of its own, and so a nonce never comes twice with a key.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, scrypt } from 'node:crypto';
import { Transform, type TransformCallback } from 'node:stream';
import { TransferError } from '../record/record.js';

const MAGIC = 'KVASIRB1';
const HEADER_BYTES = 32;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const PIECE_BYTES = 1 << 20;
/** Bounds for headers of others, so that a hostile one costs no more than 512 MB. */
const PIECE_BYTES_MAX = 64 << 20;
const SCRYPT_LOG_MAX = 19;
const SCRYPT_LOG = 16;
const SCRYPT_R = 8;
const SCRYPT_P = 1;

export type SealSecret =
  { readonly kind: 'key'; readonly bytes: Uint8Array } | { readonly kind: 'passphrase'; readonly text: string };

/** Reads a key: 32 bytes as they are, as 64 hexadecimal digits or as base64. */
export function parseKey(bytes: Buffer): Uint8Array | undefined {
  if (bytes.length === KEY_BYTES) return bytes;
  const text = bytes.toString('latin1').trim();
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  return /^[A-Za-z0-9+/]{43}=$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}

async function fileKey(secret: SealSecret, header: Buffer): Promise<Buffer> {
  const salt = header.subarray(16, HEADER_BYTES);
  if (secret.kind === 'key') return Buffer.from(hkdfSync('sha256', secret.bytes, salt, 'kvasir-backup', KEY_BYTES));
  const [log, r, p] = [header[9]!, header[10]!, header[11]!];
  const options = { N: 2 ** log, r, p, maxmem: 256 * 2 ** log * r };
  return new Promise((resolve, reject) => {
    scrypt(secret.text, salt, KEY_BYTES, options, (error, key) => (error === null ? resolve(key) : reject(error)));
  });
}

function nonce(index: number, isLast: boolean): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUIntBE(index, 5, 6);
  bytes[11] = isLast ? 1 : 0;
  return bytes;
}

function makeHeader(secret: SealSecret): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 'latin1');
  if (secret.kind === 'passphrase') header.set([1, SCRYPT_LOG, SCRYPT_R, SCRYPT_P], 8);
  header.writeUInt32BE(PIECE_BYTES, 12);
  randomBytes(16).copy(header, 16);
  return header;
}

/** Collects bytes up to the size of a piece, and gives a piece out when it is known whether it is the last one. */
abstract class Pieces extends Transform {
  protected room = Buffer.alloc(0);
  protected length = 0;
  protected index = 0;

  protected abstract piece(bytes: Buffer, isLast: boolean): void;

  protected fill(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.length === this.room.length) {
        this.piece(this.room, false);
        this.index++;
        this.length = 0;
      }
      const count = bytes.copy(this.room, this.length, at);
      this.length += count;
      at += count;
    }
  }

  protected finishPieces(): void {
    this.piece(this.room.subarray(0, this.length), true);
  }
}

class SealStream extends Pieces {
  constructor(
    private readonly key: Buffer,
    private readonly header: Buffer,
  ) {
    super();
    this.room = Buffer.allocUnsafe(PIECE_BYTES);
    this.push(header);
  }

  protected piece(bytes: Buffer, isLast: boolean): void {
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce(this.index, isLast));
    cipher.setAAD(this.header);
    this.push(Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]));
  }

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    this.fill(bytes);
    done();
  }

  override _flush(done: TransformCallback): void {
    this.finishPieces();
    done();
  }
}

class UnsealStream extends Pieces {
  private header = Buffer.alloc(0);
  private key: Buffer | undefined;

  constructor(
    private readonly secret: SealSecret,
    private readonly file: string,
  ) {
    super();
  }

  protected piece(bytes: Buffer, isLast: boolean): void {
    if (bytes.length < TAG_BYTES) throw new TransferError(`${this.file}: the file is cut off`);
    const content = bytes.length - TAG_BYTES;
    const cipher = createDecipheriv('aes-256-gcm', this.key!, nonce(this.index, isLast), { authTagLength: TAG_BYTES });
    cipher.setAAD(this.header);
    cipher.setAuthTag(bytes.subarray(content));
    const plain = cipher.update(bytes.subarray(0, content));
    try {
      cipher.final();
    } catch {
      throw new TransferError(
        this.index === 0
          ? `${this.file}: the key or the passphrase is another one, or the file is damaged`
          : `${this.file}: the file is damaged or cut off in piece ${this.index}`,
      );
    }
    this.push(plain);
  }

  private async begin(): Promise<void> {
    const { header, secret, file } = this;
    if (header.toString('latin1', 0, MAGIC.length) !== MAGIC)
      throw new TransferError(`${file} is no encrypted backup of a known format`);
    const [kind, log, r, p] = header.subarray(8, 12) as unknown as [number, number, number, number];
    const wanted = kind === 0 ? 'key' : 'passphrase';
    if (kind > 1) throw new TransferError(`${file}: its key comes from something unknown (${kind})`);
    if (secret.kind !== wanted) throw new TransferError(`${file} was encrypted with a ${wanted}, not a ${secret.kind}`);
    const pieceBytes = header.readUInt32BE(12);
    const isSane = pieceBytes > 0 && pieceBytes <= PIECE_BYTES_MAX;
    const isFair = kind === 0 || (log >= 1 && log <= SCRYPT_LOG_MAX && r >= 1 && r <= 8 && p >= 1 && p <= 4);
    if (!isSane || !isFair) throw new TransferError(`${file}: its header asks for too much memory or for none`);
    this.key = await fileKey(secret, header);
    this.room = Buffer.allocUnsafe(pieceBytes + TAG_BYTES);
  }

  private async consume(bytes: Buffer): Promise<void> {
    let rest = bytes;
    if (this.key === undefined) {
      const joined = Buffer.concat([this.header, bytes]);
      this.header = joined.subarray(0, HEADER_BYTES);
      if (joined.length < HEADER_BYTES) return;
      rest = joined.subarray(HEADER_BYTES);
      await this.begin();
    }
    this.fill(rest);
  }

  override _transform(bytes: Buffer, _encoding: string, done: TransformCallback): void {
    this.consume(bytes).then(() => done(), done);
  }

  override _flush(done: TransformCallback): void {
    try {
      if (this.key === undefined) throw new TransferError(`${this.file}: the file is cut off`);
      this.finishPieces();
      done();
    } catch (error) {
      done(error as Error);
    }
  }
}

export async function sealStream(secret: SealSecret): Promise<Transform> {
  const header = makeHeader(secret);
  return new SealStream(await fileKey(secret, header), header);
}

export function unsealStream(secret: SealSecret, file: string): Transform {
  return new UnsealStream(secret, file);
}
