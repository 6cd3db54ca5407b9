// The generic family: commands about keys, whatever they hold.

import type { DataCommand } from '../engine.js';
import { del, exists, touch, unlink } from './del.js';
import { expire, expireat, expiretime, persist, pexpire, pexpireat, pexpiretime, pttl, ttl } from './expire.js';
import { object } from './object.js';
import { copy, move, rename, renamenx } from './rename.js';
import { sortCommand, sortRo } from './sort.js';
import { keys, randomkey, scan, type } from './scan.js';

export const genericCommands: readonly DataCommand[] = [
  copy,
  del,
  exists,
  expire,
  expireat,
  expiretime,
  keys,
  move,
  object,
  persist,
  pexpire,
  pexpireat,
  pexpiretime,
  pttl,
  randomkey,
  rename,
  renamenx,
  scan,
  sortCommand,
  sortRo,
  touch,
  ttl,
  type,
  unlink,
];
