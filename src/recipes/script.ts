// script: runs a Lua script by its SHA-1, and by its text where the server does not know it.
//
// EVALSHA saves the text on all calls but the first. A restart, a failover or SCRIPT FLUSH empties the cache of scripts at any
// moment, so NOSCRIPT is an ordinary answer: EVAL follows, which also caches the text again.

import { latin1Bytes } from '../base/bytes.js';
import { SHA1_BYTES, sha1 } from '../base/sha1.js';
import { type CommandArgument, type Commands, isErrorReply } from './commands.js';

export interface Script {
  readonly text: string;
  readonly sha: string;
}

/**
 * A script with its SHA-1. Its text must be ASCII. Calls at the top of a file are marked as pure, so that bundlers drop the scripts of
 * recipes that a program does not import; where the text has parts of other files, a pure function holds the call, because bundlers keep
 * arguments that they cannot judge.
 */
export function makeScript(text: string): Script {
  const bytes = latin1Bytes(text);
  const digest = new Uint8Array(SHA1_BYTES);
  sha1(bytes, 0, bytes.length, digest);
  return { text, sha: Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('') };
}

/** Runs a script: one round trip, two when the server does not have it in its cache. On a cluster all keys share a slot. */
export async function runScript(
  commands: Commands,
  script: Script,
  keys: readonly string[],
  args: readonly CommandArgument[] = [],
): Promise<unknown> {
  const rest = [keys.length, ...keys, ...args];
  try {
    return await commands.send('EVALSHA', [script.sha, ...rest], keys[0]);
  } catch (error) {
    if (!isErrorReply(error, 'NOSCRIPT')) throw error;
    return await commands.send('EVAL', [script.text, ...rest], keys[0]);
  }
}
