#!/usr/bin/env node
// kvasir-check-aof: says whether the files of an append-only file are sound, and cuts off what is not. See docs/persistence.md.
import { runCheckAof } from '../checkers/check-aof.js';
import { ask, print, progressLine } from '../checkers/terminal.js';
import { RealFiles } from '../io/files.js';

const progress = progressLine();
process.exit(
  runCheckAof(process.argv.slice(2), {
    name: 'kvasir-check-aof',
    files: new RealFiles(),
    nowMs: Date.now(),
    out: (text) => print(1, text),
    ask,
    ...(progress === undefined ? {} : { progress }),
  }),
);
