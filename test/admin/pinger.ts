// pinger: sends PING to a port again and again as a process of its own, and prints the longest answer in milliseconds when its input ends.
import { Connection } from '../../src/client/connection.js';

const everyMs = 2;
const connection = await Connection.open({ host: '127.0.0.1', port: Number(process.argv[2]), timeoutMs: 60_000 });
let longestMs = 0;
let isOver = false;
process.stdin.resume().on('end', () => (isOver = true));
process.stdout.write('ready\n');
while (!isOver) {
  const startMs = performance.now();
  await connection.call('PING');
  longestMs = Math.max(longestMs, performance.now() - startMs);
  await new Promise((resolve) => setTimeout(resolve, everyMs));
}
process.stdout.write(`${longestMs.toFixed(2)}\n`);
connection.close();
