#!/usr/bin/env node
// kvasir-check-rdb: says whether an RDB file is sound; also under the name kvasir-check-dump. See docs/persistence.md.
import { basename } from 'node:path';
import { runCheckRdb } from '../checkers/check-rdb.js';
import { print, progressLine } from '../checkers/terminal.js';
import { RealFiles } from '../io/files.js';

const progress = progressLine();
process.exit(
  runCheckRdb(process.argv.slice(2), {
    name: basename(process.argv[1] ?? 'kvasir-check-rdb', '.js'),
    files: new RealFiles(),
    nowMs: Date.now(),
    out: (text) => print(1, text),
    err: (text) => print(2, text),
    ...(progress === undefined ? {} : { progress }),
  }),
);
