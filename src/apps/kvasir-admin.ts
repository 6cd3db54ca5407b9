#!/usr/bin/env node
// kvasir-admin: the web page to look after servers; see docs/admin.md.
import { fileURLToPath } from 'node:url';
import { runProgram } from '../transfer/program/program.js';

const { adminProgram } = await import('../admin/admin-program.js');
const pageFolder = process.env.KVASIR_ADMIN_PAGE ?? fileURLToPath(new URL('./admin', import.meta.url));
const status = await runProgram(adminProgram(pageFolder), process.argv.slice(2));
// Ending by a signal is its normal end.
process.exit(status === 130 ? 0 : status);
