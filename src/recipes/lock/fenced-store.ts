// fenced-store: a value in Redis that refuses writers whose lock has passed to somebody else: the resource's half of fencing.

import { type Commands, replyNumber, replyText, requireCount } from '../commands.js';
import { makeScript, runScript } from '../script.js';

const writeScript = /* @__PURE__ */ makeScript(`
local seen = tonumber(redis.call('HGET', KEYS[1], 'fence')) or 0
if tonumber(ARGV[1]) < seen then
  return 0
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'value', ARGV[2])
return 1
`);

/** Writes a value unless a writer with a greater fencing token has written before. False if it was refused. One round trip. */
export async function fencedWrite(commands: Commands, key: string, fence: number, value: string): Promise<boolean> {
  // NaN would compare as smaller than nothing, and 0 comes from what gives no fences: a semaphore, a Redlock.
  const args = [requireCount('fence', fence), value];
  return replyNumber(await runScript(commands, writeScript, [key], args)) === 1;
}

/** The value that `fencedWrite` left. */
export async function fencedRead(commands: Commands, key: string): Promise<string | undefined> {
  return replyText(await commands.send('HGET', [key, 'value']));
}
