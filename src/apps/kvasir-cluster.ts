#!/usr/bin/env node
// kvasir-cluster: a cluster on one machine, for development; see docs/cluster-manager.md.
import { fileURLToPath } from 'node:url';
import { KVASIR_VERSION } from '../base/version.js';

const words = process.argv.slice(2);
if (words.length === 1 && words[0] === '--version') {
  process.stdout.write(`kvasir-cluster ${KVASIR_VERSION}\n`);
  process.exit(0);
}

const server = [process.execPath, fileURLToPath(new URL('./kvasir-server.js', import.meta.url))];

// Loaded like this, it lies in a file of its own, which the modes that are loaded later can share (see scripts/bundle.mjs).
const { runLocalCluster } = await import('../cli/local-cluster/run.js');
process.exit(await runLocalCluster(words, server));
