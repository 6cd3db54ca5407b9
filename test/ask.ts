// ask: sends one command over a connection of its own, and returns what redis-cli would print into a pipe.
//
// A start of redis-cli costs ten times the processor time of a connection, and the tests ask thousands of questions. It still
// gets those that it does not only pass on: its own options, and commands that change the connection.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../src/client/connection.js';
import { isAggregate, isError, replyText, type Reply } from '../src/client/reply.js';

/** A server that stands still does not close. */
const closeMsMax = 1000;

const byRedisCli = /^(-|(hello|monitor|p?sync|[ps]?subscribe|client (reply|tracking))\b)/i;
/** Replies that redis-cli writes as they are. */
const verbatim =
  /^(info\b|client (list|info)$|cluster (info|nodes)$|memory (doctor|malloc-stats)$|latency (doctor|graph)$|debug htstats)/i;

/** The reply as text, without the line end that redis-cli writes after it; empty where the server does not answer. */
export async function ask(port: number, words: readonly string[]): Promise<string> {
  const start = words.slice(0, 2).join(' ');
  if (byRedisCli.test(start) || process.env.REDISCLI_AUTH !== undefined) return askRedisCli(port, words);
  let connection: Connection | undefined;
  try {
    connection = await Connection.open({ host: '127.0.0.1', port });
    const text = Buffer.from(rawText(await connection.call(...words)), 'latin1').toString();
    return verbatim.test(start) ? text.replace(/\n$/, '') : text;
  } catch {
    return '';
  } finally {
    if (connection !== undefined) await leave(connection);
  }
}

/** Waits until the server has closed its side too, so that the next question finds it without this client. */
async function leave(connection: Connection): Promise<void> {
  const { stream } = connection.detach();
  stream.on('error', () => undefined);
  const closed = new Promise((resolve) => stream.once('close', resolve));
  stream.resume().end();
  await Promise.race([closed, sleep(closeMsMax, undefined, { ref: false })]);
  stream.destroy();
}

/** One character per byte. */
function rawText(reply: Reply): string {
  if (isAggregate(reply)) return reply.elements.map(rawText).join('\n');
  return isError(reply) ? `${replyText(reply)}\n` : replyText(reply);
}

export function askRedisCli(port: number, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('redis-cli', ['-p', String(port), ...words], { maxBuffer: 1 << 28 }, (error, stdout) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve(stdout.replace(/\n$/, ''));
    });
  });
}
