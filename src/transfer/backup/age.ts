// age: backups encrypted for recipients, in the format of age (age-encryption.org/v1), which other programs open as well.
//
// Whoever makes backups needs the recipients alone, so a machine that writes them need not be able to read them. The library
// works on Web streams; here they become the generators that store joins. It reads a header of any length into memory, so the
// header of a file that somebody else may have written is looked at before. Loaded when it is needed: the library is large.

import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { TransferError } from '../record/record.js';
import type { AgeSecret } from './secret.js';

type Bytes = AsyncIterable<Uint8Array>;

const MAGIC = 'age-encryption.org/v1\n';
/** A recipient takes 100 bytes, or 2 KB where it resists quantum computers. */
const HEADER_BYTES_MAX = 1 << 20;
/** The last line of a header begins with these. */
const HEADER_END = '\n--- ';

/** A failure of the bytes that come in is another one than a failure of what they are. */
class Incoming {
  failure: { readonly error: unknown } | undefined;

  constructor(private readonly bytes: Bytes) {}

  get stream(): ReadableStream<Uint8Array> {
    const iterator = this.bytes[Symbol.asyncIterator]();
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        try {
          const { done, value } = await iterator.next();
          if (done === true) controller.close();
          else if (value.length > 0) controller.enqueue(value);
        } catch (error) {
          this.failure = { error };
          controller.error(error);
        }
      },
      cancel: async () => void (await iterator.return?.()),
    });
  }
}

async function* outgoing(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Encrypts what flows by. */
export async function* sealByAge(input: Bytes, { recipients }: AgeSecret): AsyncGenerator<Uint8Array> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  yield* outgoing(await encrypter.encrypt(new Incoming(input).stream));
}

/** Passes the bytes on when they begin as a file of age does. */
async function* withHeader(input: Bytes, file: string): AsyncGenerator<Uint8Array> {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of input) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const isAge = MAGIC.startsWith(head.toString('latin1', 0, MAGIC.length));
    if (!isAge || (!head.includes(HEADER_END) && head.length > HEADER_BYTES_MAX))
      throw new TransferError(`${file} is no file of age, or it is damaged`);
    if (!head.includes(HEADER_END)) continue;
    yield head;
    head = undefined;
  }
  if (head !== undefined) throw new TransferError(`${file}: the file is cut off`);
}

/** Decrypts what flows by; bytes that were changed, cut off or added are an error. */
export async function* unsealByAge(input: Bytes, { identities }: AgeSecret, file: string): AsyncGenerator<Uint8Array> {
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  const incoming = new Incoming(withHeader(input, file));
  let isOpen = false;
  try {
    const plain = await decrypter.decrypt(incoming.stream);
    isOpen = true;
    yield* outgoing(plain);
  } catch (error) {
    if (incoming.failure !== undefined) throw incoming.failure.error;
    if (error instanceof TransferError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new TransferError(
      /no identity matched/.test(reason)
        ? `${file}: no identity of --age-identity opens it: it is for other recipients, or damaged`
        : `${file}: the file is damaged${isOpen ? ' or cut off' : ''}: ${reason}`,
    );
  }
}

/** The lines of a file of recipients or identities, as age and age-keygen write them. */
function linesOf(text: string): string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** Reads what the options name; identities are recipients as well when no other is named. */
export async function readAgeSecret(
  recipientTexts: readonly string[],
  recipientFile: { readonly path: string; readonly text: string } | undefined,
  identityFile: { readonly path: string; readonly text: string } | undefined,
): Promise<AgeSecret> {
  const named = [
    ...recipientTexts.map((line) => ({ place: '--age-recipient', line })),
    ...linesOf(recipientFile?.text ?? '').map((line) => ({ place: recipientFile!.path, line })),
  ];
  const encrypter = new Encrypter();
  for (const { place, line } of named)
    try {
      encrypter.addRecipient(line);
    } catch {
      throw new TransferError(`${place}: '${line}' is no recipient; one begins with age1`, 2);
    }
  const identities = linesOf(identityFile?.text ?? '');
  const decrypter = new Decrypter();
  for (const [place, identity] of identities.entries())
    try {
      decrypter.addIdentity(identity);
    } catch {
      // The line itself may be a secret.
      throw new TransferError(
        `${identityFile!.path}: identity ${place + 1} is none that can be used: one begins with AGE-SECRET-KEY-1, and keys with a passphrase or of ssh are not known`,
        2,
      );
    }
  if (identityFile !== undefined && identities.length === 0)
    throw new TransferError(`${identityFile.path} holds no identity; kvasir-backup keygen --age makes one`, 2);
  if (recipientFile !== undefined && named.length === recipientTexts.length)
    throw new TransferError(`${recipientFile.path} holds no recipient`, 2);
  const recipients = named.map(({ line }) => line);
  if (recipients.length === 0) for (const identity of identities) recipients.push(await identityToRecipient(identity));
  return { kind: 'age', recipients, identities };
}

/** A new identity as age-keygen writes it, and its recipient. */
export async function newAgeIdentity(nowMs: number): Promise<{ readonly text: string; readonly recipient: string }> {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const created = new Date(nowMs).toISOString().replace(/\.\d+/, '');
  return { text: `# created: ${created}\n# public key: ${recipient}\n${identity}\n`, recipient };
}
