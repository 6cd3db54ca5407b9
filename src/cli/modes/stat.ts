// stat: --stat prints a line of the server's figures at every interval.
import { isError, replyText, type Reply } from '../../client/reply.js';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Console } from '../console.js';
import { Exit } from '../exit.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';
import { humanBytes } from '../../base/human-size.js';
import { callReconnecting } from './server-call.js';

const linesPerHeader = 20;
const header =
  '------- data ------ --------------------- load -------------------- - child -\n' +
  'keys       mem      clients blocked requests            connections          \n';
const children = ['', 'SAVE', 'AOF', 'SAVE+AOF', 'LOAD'];

export async function runStat(session: Session, options: CliOptions, console: Console): Promise<number> {
  await session.connectOrExit();
  let lines = 0;
  let requestsBefore = 0;
  for (;;) {
    const reply = await callReconnecting(session, 'INFO');
    if (isError(reply)) {
      console.complainBytes(`ERROR: ${replyText(reply)}\n`);
      throw new Exit(1);
    }
    if (lines++ % linesPerHeader === 0) console.write(header);
    const info = parseInfo(reply);
    const requests = info.number('total_commands_processed');
    const growth = requestsBefore === 0 ? 0 : requests - requestsBefore;
    requestsBefore = requests;
    const child =
      info.number('rdb_bgsave_in_progress') + 2 * info.number('aof_rewrite_in_progress') + 4 * info.number('loading');
    const line =
      String(info.keys).padEnd(11) +
      humanBytes(info.number('used_memory')).padEnd(8) +
      ` ${String(info.number('connected_clients')).padEnd(8)}` +
      String(info.number('blocked_clients')).padEnd(8) +
      `${requests} (+${growth})`.padEnd(19) +
      ` ${String(info.number('total_connections_received')).padEnd(12)}` +
      (children[child] ?? '');
    console.write(`${line}\n`);
    console.flush();
    await sleep(options.intervalMs > 0 ? options.intervalMs : 1000);
  }
}

function parseInfo(reply: Reply): { keys: number; number(field: string): number } {
  const fields = new Map<string, string>();
  let keys = 0;
  for (const line of replyText(reply).split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1);
    fields.set(name, value);
    if (/^db\d+$/.test(name)) keys += Number(/^keys=(\d+)/.exec(value)?.[1] ?? 0);
  }
  return { keys, number: (field) => Number(fields.get(field) ?? 0) };
}
