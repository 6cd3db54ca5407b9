// The hash commands.

import type { DataCommand } from '../engine.js';
import { hdel, hgetdel } from './delete.js';
import { hexpire, hexpireat, hpexpire, hpexpireat } from './expire.js';
import { hexists, hget, hlen, hmget, hstrlen } from './get.js';
import { hgetex, hsetex } from './getex.js';
import { himport } from './import.js';
import { hincrby, hincrbyfloat } from './increment.js';
import { hrandfield } from './random.js';
import { hmset, hset, hsetnx } from './set.js';
import { hexpiretime, hpersist, hpexpiretime, hpttl, httl } from './ttl.js';
import { hgetall, hkeys, hscan, hvals } from './walk.js';

export const hashCommands: readonly DataCommand[] = [
  hset,
  hsetnx,
  hmset,
  hget,
  hmget,
  hexists,
  hstrlen,
  hlen,
  hdel,
  hincrby,
  hincrbyfloat,
  hgetall,
  hkeys,
  hvals,
  hscan,
  hrandfield,
  hexpire,
  hpexpire,
  hexpireat,
  hpexpireat,
  httl,
  hpttl,
  hexpiretime,
  hpexpiretime,
  hpersist,
  hgetdel,
  hgetex,
  hsetex,
  himport,
];
