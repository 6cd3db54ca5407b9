// pinger: sends PING to a port again and again as a process of its own, and prints when its input ends how long the longest answer took.
//
//   node pinger.js PORT PID      PID is the server's
//
// One line of JSON, in milliseconds: the longest answer, and the most processor time that the server spent while a PING waited
// (Linux counts it; null elsewhere), which is what the server itself had a client wait for, whatever else the machine does.
import { readFileSync } from 'node:fs';
import { Connection } from '../../src/client/connection.js';

const everyMs = 2;
const [port, server] = [Number(process.argv[2]), Number(process.argv[3])];

/** Milliseconds of processor time of the server's thread so far; NaN where nobody counts it. */
function workedMs(): number {
  try {
    return Number(readFileSync(`/proc/${server}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return NaN;
  }
}

const connection = await Connection.open({ host: '127.0.0.1', port, timeoutMs: 60_000 });
let longestMs = 0;
let longestWorkMs = 0;
let isOver = false;
process.stdin.resume().on('end', () => (isOver = true));
process.stdout.write('ready\n');
while (!isOver) {
  const worked = workedMs();
  const startMs = performance.now();
  await connection.call('PING');
  longestMs = Math.max(longestMs, performance.now() - startMs);
  longestWorkMs = Math.max(longestWorkMs, workedMs() - worked);
  await new Promise((resolve) => setTimeout(resolve, everyMs));
}
process.stdout.write(`${JSON.stringify({ longestMs, longestWorkMs })}\n`);
connection.close();
