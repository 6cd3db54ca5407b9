#!/usr/bin/env node
// kvasir-cli: the command line client; see docs/cli.md.
import type { CommandHints } from '../cli/hints/command-docs.js';

/** Loaded only for a server that cannot describe its commands. */
async function loadHints(): Promise<CommandHints> {
  const [{ allDeclarations }, { hintsFromDeclarations }] = await Promise.all([
    import('../server/declarations.js'),
    import('../cli/hints/declared-hints.js'),
  ]);
  return hintsFromDeclarations(allDeclarations);
}

// Loaded like this, it lies in a file of its own, which the modes that are loaded later can share (see scripts/bundle.mjs).
const { runCli } = await import('../cli/run.js');
process.exit(await runCli(process.argv.slice(2), { loadHints }));
