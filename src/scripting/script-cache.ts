// script-cache: the scripts that EVAL and SCRIPT LOAD have brought, found by digest or by text.
//
// EVALSHA finds its script by the bytes of the digest, without making a string: the first eight digits are the key of a Map,
// and all forty are compared then. EVAL finds it by the text itself, which costs less than hashing it anew.
//
// Scripts that only EVAL brought are forgotten when more than EVAL_SCRIPTS_MAX others were used since: programs that build
// the text of each script anew would fill the memory. Scripts from SCRIPT LOAD stay.
import { latin1Bytes } from '../base/bytes.js';
import { sha1Hex } from '../base/sha1.js';
import type { LuaFunction } from './lua/values.js';

const SHA_BYTES = 40;
export const EVAL_SCRIPTS_MAX = 500;
/** Their texts together; compiled a text takes several times its size. */
const EVAL_BYTES_MAX = 4 * 1024 * 1024;
/** Approximate bytes of a script besides its text: compiled code and its entries here. */
const SCRIPT_OVERHEAD_BYTES = 2000;

export class Script {
  readonly shaBytes: Uint8Array;

  constructor(
    readonly sha: string,
    readonly source: string,
    /** Bits of the shebang's flags. */
    readonly flags: number,
    readonly main: LuaFunction,
    /** Only EVAL brought it. */
    public isEvictable: boolean,
  ) {
    this.shaBytes = latin1Bytes(sha);
  }
}

function digitOf(byte: number): number {
  return byte < 58 ? byte - 48 : (byte | 32) - 87;
}

/** The first eight hexadecimal digits as a number. @hot */
function prefixOf(bytes: Uint8Array, offset: number): number {
  let prefix = 0;
  for (let at = 0; at < 8; at++) prefix = (prefix << 4) | (digitOf(bytes[offset + at]!) & 15);
  return prefix;
}

export class ScriptCache {
  /** By the first eight digits; scripts that share them are found one after another. */
  private readonly byPrefix = new Map<number, Script[]>();
  private readonly bySource = new Map<string, Script>();
  /** In the order of their last use by EVAL. */
  private readonly evictable = new Set<Script>();
  private sourceBytes = 0;
  private evictableBytes = 0;
  evictedCount = 0;

  get count(): number {
    return this.bySource.size;
  }

  get usedBytes(): number {
    return this.sourceBytes + this.bySource.size * SCRIPT_OVERHEAD_BYTES;
  }

  /** By digest in any case. @hot */
  find(bytes: Uint8Array, offset: number, length: number): Script | undefined {
    if (length !== SHA_BYTES) return undefined;
    const scripts = this.byPrefix.get(prefixOf(bytes, offset));
    if (scripts === undefined) return undefined;
    for (let index = 0; index < scripts.length; index++) {
      const script = scripts[index]!;
      const { shaBytes } = script;
      let at = 0;
      while (at < SHA_BYTES) {
        const byte = bytes[offset + at]!;
        if (byte !== shaBytes[at] && (byte < 65 || byte > 70 || byte + 32 !== shaBytes[at])) break;
        at++;
      }
      if (at === SHA_BYTES) return script;
    }
    return undefined;
  }

  /** By text. @hot */
  findSource(source: string): Script | undefined {
    return this.bySource.get(source);
  }

  /** A script was used: it is the last to be forgotten. */
  touch(script: Script): void {
    if (!script.isEvictable) return;
    this.evictable.delete(script);
    this.evictable.add(script);
  }

  /** SCRIPT LOAD names it: it stays. */
  keep(script: Script): void {
    if (script.isEvictable) this.evictableBytes -= script.source.length;
    script.isEvictable = false;
    this.evictable.delete(script);
  }

  add(source: string, flags: number, main: LuaFunction, isEvictable: boolean): Script {
    const script = new Script(sha1Hex(source), source, flags, main, isEvictable);
    const prefix = prefixOf(script.shaBytes, 0);
    const others = this.byPrefix.get(prefix);
    if (others === undefined) this.byPrefix.set(prefix, [script]);
    else others.push(script);
    this.bySource.set(source, script);
    this.sourceBytes += source.length;
    if (isEvictable) {
      this.evictable.add(script);
      this.evictableBytes += source.length;
      while (
        this.evictable.size > EVAL_SCRIPTS_MAX ||
        (this.evictable.size > 1 && this.evictableBytes > EVAL_BYTES_MAX)
      )
        this.evictOldest();
    }
    return script;
  }

  private evictOldest(): void {
    for (const script of this.evictable) {
      this.remove(script);
      this.evictedCount++;
      return;
    }
  }

  private remove(script: Script): void {
    this.evictable.delete(script);
    this.bySource.delete(script.source);
    this.sourceBytes -= script.source.length;
    if (script.isEvictable) this.evictableBytes -= script.source.length;
    const prefix = prefixOf(script.shaBytes, 0);
    const left = this.byPrefix.get(prefix)!.filter((other) => other !== script);
    if (left.length === 0) this.byPrefix.delete(prefix);
    else this.byPrefix.set(prefix, left);
  }

  clear(): void {
    this.byPrefix.clear();
    this.bySource.clear();
    this.evictable.clear();
    this.sourceBytes = 0;
    this.evictableBytes = 0;
  }
}
