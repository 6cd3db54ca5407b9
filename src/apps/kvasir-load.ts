#!/usr/bin/env node
// kvasir-load: puts JSON lines into a server; see docs/dump.md.
import { loadProgram } from '../transfer/dump/load-program.js';
import { runProgram } from '../transfer/program/program.js';

process.exit(await runProgram(loadProgram, process.argv.slice(2)));
