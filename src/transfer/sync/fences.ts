// fences: which commands of a stream still count for keys whose values were read apart from it.
//
// A value that was read together with the offset of that moment (the fence) has all commands up to there in it: they are dropped,
// and later ones are applied. A command that has both kinds of keys cannot be halved, so all of its keys are read again.

import { latin1 } from '../../base/bytes.js';

export interface DatabaseKey {
  readonly database: number;
  readonly key: Uint8Array;
}

export const nameOf = ({ database, key }: DatabaseKey): string => `${database}:${latin1(key)}`;

/** The key that `nameOf` named. */
export function keyNamed(name: string): DatabaseKey {
  const colon = name.indexOf(':');
  return { database: Number(name.slice(0, colon)), key: Buffer.from(name.slice(colon + 1), 'latin1') };
}

export type Verdict = 'apply' | 'drop' | 'reread';

export class Fences {
  private readonly offsets = new Map<string, number>();
  private highest = -1;

  set(name: string, offset: number): void {
    this.offsets.set(name, offset);
    if (offset > this.highest) this.highest = offset;
  }

  clear(): void {
    this.offsets.clear();
    this.highest = -1;
  }

  /** Keys whose values were read after this offset. */
  *after(offset: number): Generator<string, void> {
    if (offset <= this.highest) for (const [name, fence] of this.offsets) if (fence >= offset) yield name;
  }

  /** `readUntil`: up to this offset it is not known what the target has, so keys are read instead. */
  judge(keys: readonly DatabaseKey[], offset: number, readUntil: number): Verdict {
    if (offset > this.highest) {
      if (this.offsets.size > 0) this.clear();
      return offset <= readUntil ? 'reread' : 'apply';
    }
    let fenced = 0;
    for (const key of keys) if ((this.offsets.get(nameOf(key)) ?? -1) >= offset) fenced++;
    if (fenced === keys.length) return 'drop';
    return fenced > 0 || offset <= readUntil ? 'reread' : 'apply';
  }
}
