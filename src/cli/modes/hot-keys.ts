// hot-keys: --hotkeys finds the keys with the highest access counters of an LFU policy.
import { quote } from '../../base/quoting.js';
import { isError, replyText } from '../../client/reply.js';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Console } from '../console.js';
import { Exit } from '../exit.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';
import { percent } from './big-keys.js';
import { catchInterrupt } from './interrupt.js';
import { Progress } from './progress.js';
import { keyText, scanStep } from './scan-keys.js';
import { callAll, readDatabaseSize, sendReadOnly } from './server-call.js';

const shownMax = 16;

interface HotKey {
  readonly name: string;
  readonly counter: number;
}

export async function runHotKeys(session: Session, options: CliOptions, console: Console): Promise<number> {
  await session.connectOrExit();
  const interrupt = catchInterrupt();
  const total = await readDatabaseSize(session);
  console.write('\n# Scanning the entire keyspace to find hot keys as well as\n');
  console.write('# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n');
  console.write('# per 100 SCAN commands (not usually needed).\n\n');
  await sendReadOnly(session);
  const progress = new Progress(console, 'keys', total);
  const hottest: HotKey[] = []; // hottest last
  let cursor = 0n;
  let sampled = 0;
  let loops = 0;
  let done = '';
  do {
    done = percent(sampled, total);
    const step = await scanStep(session, cursor);
    cursor = step.cursor;
    const counters = await readCounters(session, step.keys);
    for (let index = 0; index < step.keys.length; index++) {
      sampled++;
      const counter = counters[index]!;
      if (sampled % 1_000_000 === 0) console.write(`[${done}%] Sampled ${sampled} keys so far\n`);
      if (counter === 0 || (hottest.length === shownMax && counter <= hottest[0]!.counter)) continue;
      const name = quote(keyText(step.keys[index]!));
      const place = hottest.findIndex((other) => other.counter >= counter);
      hottest.splice(place < 0 ? hottest.length : place, 0, { name, counter });
      if (hottest.length > shownMax) hottest.shift();
      progress.clear();
      console.write(`[${done}%] Hot key '${name}' found so far with counter ${counter}\n`);
    }
    progress.update(sampled);
    if (++loops % 100 === 0 && options.intervalMs > 0) await sleep(options.intervalMs);
  } while (cursor !== 0n && !interrupt.asked);
  progress.clear();
  console.write('\n-------- summary -------\n\n');
  if (interrupt.asked) console.write(`[${done}%] `);
  console.write(`Sampled ${sampled} keys in the keyspace!\n`);
  for (const { name, counter } of hottest.reverse()) {
    console.write(`hot key found with counter: ${counter}\tkeyname: ${name}\n`);
  }
  return 0;
}

async function readCounters(session: Session, keys: readonly Uint8Array[]): Promise<number[]> {
  const replies = await callAll(
    session,
    keys.map((key) => ['OBJECT', 'FREQ', key]),
  );
  return replies.map((reply, index) => {
    if (reply.kind === 'integer') return Number(reply.value);
    if (isError(reply)) {
      session.console.complainBytes(`Error: ${replyText(reply)}\n`);
      throw new Exit(1);
    }
    session.console.complainBytes(
      `Warning: OBJECT freq on ${quote(keyText(keys[index]!))} failed (may have been deleted)\n`,
    );
    return 0;
  });
}
