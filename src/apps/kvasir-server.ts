#!/usr/bin/env node
// kvasir-server: starts a data server from the command line.

import { randomBytes } from 'node:crypto';
import { Prng } from '../base/prng.js';
import { Listeners } from '../server/listeners.js';
import { DataServer } from '../server/server.js';

const portIndex = process.argv.indexOf('--port');
const port = portIndex < 0 ? 6379 : Number(process.argv[portIndex + 1]);
const secret = randomBytes(12);
const server = new DataServer({
  databaseCount: 16,
  random: new Prng(secret.readInt32LE(8)),
  hashKey: [secret.readInt32LE(0), secret.readInt32LE(4)],
  wallClock: Date.now,
  steadyClock: () => performance.now(),
  log: (level, text) => process.stdout.write(`${process.pid}:M ${level} ${text}\n`),
});
const listeners = new Listeners(server);
await listeners.open({ hosts: ['127.0.0.1'], port, unixPath: undefined, unixPermissions: undefined, backlog: 511, keepAliveSeconds: () => 300 });
server.log('notice', `Ready to accept connections on port ${listeners.port}`);
process.once('SIGTERM', () => process.exit(0));
process.once('SIGINT', () => process.exit(0));
