#!/usr/bin/env node
// kvasir-aof: looks into append-only files, cuts and compacts them, and undoes a FLUSHALL; see docs/aof.md.
import { aofPrograms } from '../transfer/aof/aof-programs.js';
import { runCommands } from '../transfer/program/program.js';

process.exit(
  await runCommands('kvasir-aof', 'Usage: kvasir-aof COMMAND FILE [options]', aofPrograms, process.argv.slice(2)),
);
