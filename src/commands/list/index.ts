// The commands of lists.

import type { DataCommand } from '../engine.js';
import { linsert, lrem, lset, ltrim } from './change.js';
import { blmovem, lmovem } from './move-many.js';
import { blmove, brpoplpush, lmove, rpoplpush } from './move.js';
import { blmpop, blpop, brpop, lmpop, lpop, rpop } from './pop.js';
import { lpush, lpushx, rpush, rpushx } from './push.js';
import { lindex, llen, lpos, lrange } from './read.js';

export const listCommands: readonly DataCommand[] = [
  lpush,
  rpush,
  lpushx,
  rpushx,
  lpop,
  rpop,
  lmpop,
  blpop,
  brpop,
  blmpop,
  lmove,
  rpoplpush,
  blmove,
  brpoplpush,
  lmovem,
  blmovem,
  llen,
  lindex,
  lrange,
  lpos,
  lset,
  linsert,
  lrem,
  ltrim,
];
