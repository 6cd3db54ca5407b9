#!/usr/bin/env node
// kvasir-codis: codis's proxy; see docs/proxy.md.
import type { CommandDeclaration } from '../registry/command.js';

const { runCodis } = await import('../proxy/process/run-codis.js');
const { allDeclarations } = await import('../server/declarations.js');

const status = await runCodis(
  process.argv.slice(2),
  allDeclarations as unknown as readonly CommandDeclaration<never>[],
);
if (status !== undefined) process.exit(status);
