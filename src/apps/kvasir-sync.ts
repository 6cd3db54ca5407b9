#!/usr/bin/env node
// kvasir-sync: carries data from a server or a file to another place and keeps it up to date; see docs/sync.md.
import { runProgram } from '../transfer/program/program.js';
import { moveProgram, syncProgram } from '../transfer/sync/sync-program.js';

const words = process.argv.slice(2);
process.exit(
  words[0] === 'move' ? await runProgram(moveProgram, words.slice(1)) : await runProgram(syncProgram, words),
);
