// The string family.

import type { DataCommand } from '../engine.js';
import { append, setrange } from './append.js';
import { delex, delifeq, digest } from './compare.js';
import { get, getrange, strlen, substr } from './get.js';
import { getdel, getex } from './getex.js';
import { decr, decrby, incr, incrby, incrbyfloat } from './incr.js';
import { increx } from './increx.js';
import { lcs } from './lcs.js';
import { mget, mset, msetex, msetnx } from './mset.js';
import { getset, psetex, set, setex, setnx } from './set.js';

export const stringCommands: readonly DataCommand[] = [
  append,
  decr,
  decrby,
  delex,
  delifeq,
  digest,
  get,
  getdel,
  getex,
  getrange,
  getset,
  incr,
  incrby,
  incrbyfloat,
  increx,
  lcs,
  mget,
  mset,
  msetex,
  msetnx,
  psetex,
  set,
  setex,
  setnx,
  setrange,
  strlen,
  substr,
];
