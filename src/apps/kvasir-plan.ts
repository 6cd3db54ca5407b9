#!/usr/bin/env node
// kvasir-plan: how many servers a data set needs, and their config files; see docs/plan.md.
import { planPrograms } from '../transfer/plan/plan-programs.js';
import { runCommands } from '../transfer/program/program.js';

process.exit(
  await runCommands('kvasir-plan', 'Usage: kvasir-plan COMMAND [options]', planPrograms, process.argv.slice(2)),
);
