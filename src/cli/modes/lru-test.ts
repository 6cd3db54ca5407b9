// lru-test: --lru-test loads a cache, half writes and half reads, some keys far more often than others, and prints
// every second how many reads found their key.
import { isError, replyText } from '../../client/reply.js';
import { ConnectionLost } from '../../client/connection.js';
import type { Console } from '../console.js';
import { Exit } from '../exit.js';
import type { CliOptions } from '../options.js';
import type { Session } from '../session.js';

const cycleMs = 1000;
const batch = 250;
/** The exponent of the power law that comes near 80 % of the requests for 20 % of the keys. */
const exponent = 6.2;

function powerLaw(min: number, max: number): number {
  const top = (max + 1) ** (exponent + 1);
  const bottom = min ** (exponent + 1);
  const value = Math.floor(((top - bottom) * Math.random() + bottom) ** (1 / (exponent + 1)));
  return max - value + min;
}

function randomValue(): string {
  let value = '';
  for (let index = 0; index < 5; index++) value += String.fromCharCode(65 + Math.floor(Math.random() * 57));
  return value;
}

export async function runLruTest(session: Session, options: CliOptions, console: Console): Promise<number> {
  const connection = await session.connectOrExit();
  const key = (): string => `lru:${powerLaw(1, options.lruTestKeys)}`;
  try {
    for (;;) {
      const endMs = performance.now() + cycleMs;
      let hits = 0;
      let misses = 0;
      while (performance.now() < endMs) {
        for (let index = 0; index < batch; index++) connection.send(['SET', key(), randomValue()]);
        for (let index = 0; index < batch; index++) await connection.readAnswer();
        for (let index = 0; index < batch; index++) connection.send(['GET', key()]);
        for (let index = 0; index < batch; index++) {
          const reply = await connection.readAnswer();
          if (isError(reply)) console.complainBytes(`${replyText(reply)}\n`);
          else if (reply.kind === 'nil') misses++;
          else hits++;
        }
      }
      const gets = hits + misses;
      const share = (count: number): string => ((count / Math.max(1, gets)) * 100).toFixed(2);
      console.write(`${gets} Gets/sec | Hits: ${hits} (${share(hits)}%) | Misses: ${misses} (${share(misses)}%)\n`);
      console.flush();
    }
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    console.complain('I/O error during LRU test\n');
    throw new Exit(1);
  }
}
