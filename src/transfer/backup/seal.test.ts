import assert from 'node:assert/strict';
import { createDecipheriv, hkdfSync, randomBytes, scryptSync } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { it } from 'node:test';
import { parseKey, type SealSecret, sealStream, unsealStream } from './seal.js';

const PIECE = 1 << 20;
const secrets: readonly SealSecret[] = [
  { kind: 'key', bytes: randomBytes(32) },
  { kind: 'passphrase', text: 'größer als 8' },
];

const seal = async (secret: SealSecret, bytes: Buffer): Promise<Buffer> =>
  buffer(Readable.from([bytes]).pipe(await sealStream(secret)));

const unseal = (secret: SealSecret, bytes: Buffer): Promise<Buffer> =>
  buffer(Readable.from([bytes]).compose(unsealStream(secret, 'file')));

/** As the page describes the format, piece by piece. */
function open(secret: SealSecret, file: Buffer): Buffer {
  const header = file.subarray(0, 32);
  const salt = header.subarray(16);
  const key =
    secret.kind === 'key'
      ? Buffer.from(hkdfSync('sha256', secret.bytes, salt, 'kvasir-backup', 32))
      : scryptSync(secret.text, salt, 32, { N: 2 ** header[9]!, r: header[10]!, p: header[11]!, maxmem: 2 ** 28 });
  const size = header.readUInt32BE(12) + 16;
  const parts: Buffer[] = [];
  for (let at = 32, index = 0; at < file.length; at += size, index++) {
    const piece = file.subarray(at, at + size);
    const nonce = Buffer.alloc(12);
    nonce.writeUInt32BE(index, 7);
    nonce[11] = at + size >= file.length ? 1 : 0;
    const cipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(header).setAuthTag(piece.subarray(-16));
    parts.push(cipher.update(piece.subarray(0, -16)), cipher.final());
  }
  return Buffer.concat(parts);
}

it('opens what it seals, whatever the size, and so does the page', async () => {
  for (const secret of secrets)
    for (const size of [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE]) {
      const plain = randomBytes(size);
      const sealed = await seal(secret, plain);
      assert.ok((await unseal(secret, sealed)).equals(plain), `${secret.kind} ${size}`);
      assert.ok(open(secret, sealed).equals(plain), `${secret.kind} ${size}`);
    }
});

it('never makes the same file twice, and refuses pieces that are cut off, exchanged or of another file', async () => {
  const [secret] = secrets as [SealSecret];
  const plain = randomBytes(2 * PIECE + 5);
  const sealed = await seal(secret, plain);
  const other = await seal(secret, plain);
  assert.ok(!sealed.subarray(32).equals(other.subarray(32)));
  const piece = PIECE + 16;
  const cut = (from: number, to?: number): Buffer => sealed.subarray(from, to);
  const bad = [
    cut(0, 32 + 2 * piece),
    cut(0, 32 + piece),
    cut(0, 32),
    cut(0, 20),
    cut(0, sealed.length - 1),
    Buffer.concat([cut(0, 32), cut(32 + piece, 32 + 2 * piece), cut(32, 32 + piece), cut(32 + 2 * piece)]),
    Buffer.concat([cut(0, 32), other.subarray(32, 32 + piece), cut(32 + piece)]),
    Buffer.concat([other.subarray(0, 32), cut(32)]),
    Buffer.concat([sealed, Buffer.from('x')]),
  ];
  for (const [index, bytes] of bad.entries()) await assert.rejects(unseal(secret, bytes), /file/, `${index}`);
});

it('reads keys as bytes, hexadecimal digits and base64', () => {
  const key = randomBytes(32);
  for (const form of [key, Buffer.from(`${key.toString('hex')}\n`), Buffer.from(`${key.toString('base64')}\r\n`)])
    assert.ok(Buffer.from(parseKey(form)!).equals(key));
  for (const bad of ['', 'x', 'f'.repeat(63), `${'f'.repeat(64)}0`])
    assert.equal(parseKey(Buffer.from(bad)), undefined);
});
