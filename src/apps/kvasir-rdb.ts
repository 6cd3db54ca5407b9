#!/usr/bin/env node
// kvasir-rdb: looks into RDB files, converts and repairs them; see docs/rdb.md.
import { rdbPrograms } from '../transfer/rdb/rdb-programs.js';
import { runCommands } from '../transfer/program/program.js';

process.exit(
  await runCommands('kvasir-rdb', 'Usage: kvasir-rdb COMMAND FILE [options]', rdbPrograms, process.argv.slice(2)),
);
