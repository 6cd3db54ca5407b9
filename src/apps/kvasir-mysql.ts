#!/usr/bin/env node
// kvasir-mysql: keeps keys of Redis equal to tables of MySQL; see docs/mysql.md.
import { runProgram } from '../transfer/program/program.js';
import { mysqlProgram } from '../mysql/program/mysql-program.js';

process.exit(await runProgram(mysqlProgram, process.argv.slice(2)));
