// big-keys: --bigkeys finds the keys with most elements, --memkeys those that take most memory, per type.
import { setTimeout as sleep } from 'node:timers/promises';
import { quote } from '../../base/quoting.js';
import type { Console } from '../console.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';
import { catchInterrupt } from './interrupt.js';
import { readLengths, readMemory, readTypes, TypeTable } from './key-sizes.js';
import { Progress } from './progress.js';
import { keyText, scanStep } from './scan-keys.js';
import { readDatabaseSize, sendReadOnly } from './server-call.js';

export function runBigKeys(session: Session, options: CliOptions, console: Console): Promise<number> {
  return findBigKeys(session, options, console, false);
}

export function runMemoryKeys(session: Session, options: CliOptions, console: Console): Promise<number> {
  return findBigKeys(session, options, console, true);
}

/** 3.28 as 03.28. */
export function percent(part: number, whole: number): string {
  return (whole > 0 ? (100 * part) / whole : 0).toFixed(2).padStart(5, '0');
}

async function findBigKeys(session: Session, options: CliOptions, console: Console, memory: boolean): Promise<number> {
  await session.connectOrExit();
  const interrupt = catchInterrupt();
  const types = new TypeTable();
  const total = await readDatabaseSize(session);
  console.write('\n# Scanning the entire keyspace to find biggest keys as well as\n');
  console.write('# average sizes per key type.  You can use -i 0.1 to sleep 0.1 sec\n');
  console.write('# per 100 SCAN commands (not usually needed).\n\n');
  await sendReadOnly(session);
  console.flush();
  const progress = new Progress(console, 'keys', total);
  let cursor = 0n;
  let sampled = 0;
  let keyBytes = 0;
  let loops = 0;
  let done = '';
  do {
    done = percent(sampled, total);
    const step = await scanStep(session, cursor);
    cursor = step.cursor;
    const { keys } = step;
    const found = (await readTypes(session, keys)).map((name) => (name === undefined ? undefined : types.get(name)));
    const sizes = memory
      ? await readMemory(session, keys, found, options.memorySamples)
      : await readLengths(session, keys, found);
    for (let index = 0; index < keys.length; index++) {
      const type = found[index];
      if (type === undefined) continue;
      const size = sizes[index]!;
      type.totalSize += size;
      type.count++;
      keyBytes += keys[index]!.length;
      sampled++;
      if (size > type.biggest) {
        type.biggest = size;
        type.biggestKey = quote(keyText(keys[index]!));
        progress.clear();
        const unit = memory ? 'bytes' : type.unit;
        console.write(
          `[${done}%] Biggest ${type.name.padEnd(6)} found so far '${type.biggestKey}' with ${size} ${unit}\n`,
        );
      }
      if (sampled % 1_000_000 === 0) console.write(`[${done}%] Sampled ${sampled} keys so far\n`);
    }
    progress.update(sampled);
    if (++loops % 100 === 0 && options.intervalMs > 0) await sleep(options.intervalMs);
  } while (cursor !== 0n && !interrupt.asked);
  progress.clear();
  console.write('\n-------- summary -------\n\n');
  if (interrupt.asked) console.write(`[${done}%] `);
  console.write(`Sampled ${sampled} keys in the keyspace!\n`);
  const average = sampled === 0 ? 0 : keyBytes / sampled;
  console.write(`Total key length in bytes is ${keyBytes} (avg len ${average.toFixed(2)})\n\n`);
  for (const type of types.all) {
    if (type.biggestKey === undefined) continue;
    const unit = memory ? 'bytes' : type.unit;
    console.write(`Biggest ${type.name.padStart(6)} found '${type.biggestKey}' has ${type.biggest} ${unit}\n`);
  }
  console.write('\n');
  for (const type of types.all) {
    const share = percent(type.count, sampled);
    const mean = type.count === 0 ? 0 : type.totalSize / type.count;
    console.write(
      `${type.count} ${type.name}s with ${type.totalSize} ${memory ? 'bytes' : type.unit} ` +
        `(${share}% of keys, avg size ${mean.toFixed(2)})\n`,
    );
  }
  return 0;
}
