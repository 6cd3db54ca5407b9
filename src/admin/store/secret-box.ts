// secret-box: passwords of servers at rest: AES-256-GCM under a key that lies in a file of its own, or in the environment.
//
//   v1:nonce(12 bytes):tag(16):text     each as base64url
//
// The name of what a secret is for is bound to it, so a stored secret cannot be moved to another server's entry.
import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import type { DataFolder } from './data-folder.js';

const keyFile = 'secret.key';
const keyBytes = 32;

export class SecretBox {
  private constructor(private readonly key: Buffer) {}

  /** `passphrase`: from KVASIR_ADMIN_KEY; else a random key is made in the folder. */
  static open(folder: DataFolder, passphrase: string | undefined): SecretBox {
    if (passphrase !== undefined && passphrase !== '')
      return new SecretBox(scryptSync(passphrase, 'kvasir-admin', keyBytes));
    const known = folder.readBytes(keyFile);
    if (known !== undefined) {
      const key = Buffer.from(known.toString('latin1').trim(), 'base64url');
      if (key.length !== keyBytes) throw new Error(`${folder.pathOf(keyFile)} holds no key of ${keyBytes} bytes`);
      return new SecretBox(key);
    }
    const key = randomBytes(keyBytes);
    folder.write(keyFile, `${key.toString('base64url')}\n`);
    return new SecretBox(key);
  }

  seal(purpose: string, secret: string): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonce).setAAD(Buffer.from(purpose));
    const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return ['v1', ...[nonce, cipher.getAuthTag(), text].map((part) => part.toString('base64url'))].join(':');
  }

  /** Undefined when the key is another, or the text was changed. */
  open(purpose: string, sealed: string): string | undefined {
    const [version, nonce, tag, text] = sealed.split(':');
    if (version !== 'v1' || nonce === undefined || tag === undefined || text === undefined) return undefined;
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key, Buffer.from(nonce, 'base64url'), { authTagLength: 16 })
        .setAAD(Buffer.from(purpose))
        .setAuthTag(Buffer.from(tag, 'base64url'));
      return Buffer.concat([decipher.update(Buffer.from(text, 'base64url')), decipher.final()]).toString('utf8');
    } catch {
      return undefined;
    }
  }
}
