#!/usr/bin/env node
// kvasir-dump: writes the keys of a server or a file as JSON lines; see docs/dump.md.
import { dumpProgram } from '../transfer/dump/dump-program.js';
import { runProgram } from '../transfer/program/program.js';

process.exit(await runProgram(dumpProgram, process.argv.slice(2)));
