#!/usr/bin/env node
// kvasir-backup: stores snapshots, checks them and gives them back; see docs/backup.md.
import { backupPrograms } from '../transfer/backup/backup-programs.js';
import { runCommands } from '../transfer/program/program.js';

process.exit(
  await runCommands(
    'kvasir-backup',
    'Usage: kvasir-backup COMMAND --to TARGET [options]',
    backupPrograms,
    process.argv.slice(2),
  ),
);
