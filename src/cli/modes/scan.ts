// scan: --scan prints every key, one a line.
import { setTimeout as sleep } from 'node:timers/promises';
import { quote } from '../../base/quoting.js';
import type { Console } from '../console.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';
import { catchInterrupt } from './interrupt.js';
import { Progress } from './progress.js';
import { keyText, scanStep } from './scan-keys.js';
import { readDatabaseSize } from './server-call.js';

export async function runScan(session: Session, options: CliOptions, console: Console): Promise<number> {
  await session.connectOrExit();
  const interrupt = catchInterrupt();
  // Progress is only of use where the keys go elsewhere. With a pattern, keys that do not match pass unseen.
  const wanted =
    console.stderrTerminal && !console.stdoutTerminal && options.pattern === undefined && options.type === undefined;
  const progress = wanted ? new Progress(console, 'keys', await readDatabaseSize(session)) : undefined;
  let cursor = 0n;
  let count = 0;
  do {
    const step = await scanStep(session, cursor);
    cursor = step.cursor;
    for (const key of step.keys) {
      const text = keyText(key);
      console.write(options.output === 'standard' ? `${quote(text)}\n` : `${text}\n`);
    }
    count += step.keys.length;
    progress?.update(count);
    if (options.intervalMs > 0) {
      console.flush();
      await sleep(options.intervalMs);
    }
  } while (cursor !== 0n && !interrupt.asked);
  progress?.clear();
  return 0;
}
