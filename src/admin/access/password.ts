// password: passwords as scrypt hashes (RFC 7914), in a text that names its own cost so that the cost can rise later.
//
//   scrypt$32768$8$1$salt$hash     N, r, p; salt (16 bytes) and hash (32 bytes) as base64url
//
// N = 32768 and r = 8 take 32 MB and about 60 ms of a thread of the pool. At most two are computed at a time, and few wait,
// so that a flood of logins costs neither the memory nor the threads that everything else needs.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { ApiError } from '../api-error.js';

const cost = { N: 32768, r: 8, p: 1 };
const hashBytes = 32;
const runningMax = 2;
const waitingMax = 50;
export const PASSWORD_LENGTH_MIN = 8;
export const PASSWORD_LENGTH_MAX = 256;

let running = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(run: () => Promise<T>): Promise<T> {
  if (running >= runningMax) {
    if (waiting.length >= waitingMax)
      throw new ApiError('too-many', 'Too many logins at the same time: try again in a moment.', 5);
    await new Promise<void>((resolve) => waiting.push(resolve));
  }
  running++;
  try {
    return await run();
  } finally {
    running--;
    waiting.shift()?.();
  }
}

function derive(password: string, salt: Buffer, { N, r, p }: typeof cost): Promise<Buffer> {
  return inTurn(
    () =>
      new Promise((resolve, reject) => {
        scrypt(password.normalize('NFKC'), salt, hashBytes, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
          error === null ? resolve(key) : reject(error),
        );
      }),
  );
}

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, cost);
  return ['scrypt', cost.N, cost.r, cost.p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** Takes the same time whether there is such a user or not: without a hash it computes one that nothing matches. */
export async function passwordMatches(password: string, stored: string | undefined): Promise<boolean> {
  const [kind, N, r, p, salt, hash] = (stored ?? `scrypt$${cost.N}$${cost.r}$${cost.p}$AAAAAAAAAAAAAAAAAAAAAA$`).split(
    '$',
  );
  const wanted = Buffer.from(hash ?? '', 'base64url');
  const numbers = { N: Number(N), r: Number(r), p: Number(p) };
  if (kind !== 'scrypt' || salt === undefined || !(numbers.N >= 2 && numbers.N <= 1 << 20)) return false;
  if (!(numbers.r >= 1 && numbers.r <= 32 && numbers.p >= 1 && numbers.p <= 16)) return false;
  const found = await derive(password, Buffer.from(salt, 'base64url'), numbers);
  return wanted.length === found.length && timingSafeEqual(wanted, found);
}
