#!/usr/bin/env node
// kvasir-trib: the cluster manager for those who know redis-trib.rb; see docs/cluster-manager.md.

import { KVASIR_VERSION } from '../base/version.js';

const words = process.argv.slice(2);
if (words.length === 1 && words[0] === '--version') {
  process.stdout.write(`kvasir-trib ${KVASIR_VERSION}\n`);
  process.exit(0);
}

// Loaded like this, it lies in a file of its own, which the modes that are loaded later can share (see scripts/bundle.mjs).
const { runTrib } = await import('../cli/trib.js');
process.exit(await runTrib(words));
