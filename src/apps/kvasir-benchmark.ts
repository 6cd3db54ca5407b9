#!/usr/bin/env node
// kvasir-benchmark: measures how fast a Redis server answers; a drop-in for redis-benchmark.
import { main } from '../bench/main.js';

// A reader of our output that goes away (`| head`) ends the run quietly.
process.stdout.on('error', () => process.exit(1));
const code = await main(process.argv.slice(2));
process.stdout.write('', () => process.exit(code));
