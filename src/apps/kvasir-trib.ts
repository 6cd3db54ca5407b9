#!/usr/bin/env node
// kvasir-trib: the cluster manager for those who know redis-trib.rb; see docs/cluster-manager.md.

// Loaded like this, it lies in a file of its own, which the modes that are loaded later can share (see scripts/bundle.mjs).
const { runTrib } = await import('../cli/trib.js');
process.exit(await runTrib(process.argv.slice(2)));

export {};
