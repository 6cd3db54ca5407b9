// The commands of streams.

import type { DataCommand } from '../engine.js';
import { xadd, xtrim } from './add.js';
import { xautoclaim, xclaim } from './claim.js';
import { xackdel, xdelex } from './delete-by-reference.js';
import { xdel, xsetid } from './delete.js';
import { xgroup } from './group.js';
import { xcfgset, xidmprecord } from './idempotency.js';
import { xinfo } from './info.js';
import { xnack } from './nack.js';
import { xack, xpending } from './pending.js';
import { xlen, xrange, xrevrange } from './range.js';
import { xread, xreadgroup } from './read.js';

export const streamCommands: readonly DataCommand[] = [
  xadd,
  xtrim,
  xdel,
  xdelex,
  xackdel,
  xsetid,
  xcfgset,
  xidmprecord,
  xlen,
  xrange,
  xrevrange,
  xread,
  xreadgroup,
  xack,
  xnack,
  xpending,
  xclaim,
  xautoclaim,
  xgroup,
  xinfo,
];
