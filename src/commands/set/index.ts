// The set commands.

import type { DataCommand } from '../engine.js';
import { sadd, smove, srem } from './change.js';
import {
  sdiff,
  sdiffcard,
  sdiffstore,
  sinter,
  sintercard,
  sinterstore,
  sunion,
  sunioncard,
  sunionstore,
} from './combine.js';
import { spop, srandmember } from './random.js';
import { scard, sismember, smembers, smismember, sscan } from './read.js';

export const setCommands: readonly DataCommand[] = [
  sadd,
  srem,
  smove,
  scard,
  sismember,
  smismember,
  smembers,
  sscan,
  spop,
  srandmember,
  sinter,
  sunion,
  sdiff,
  sinterstore,
  sunionstore,
  sdiffstore,
  sintercard,
  sunioncard,
  sdiffcard,
];
