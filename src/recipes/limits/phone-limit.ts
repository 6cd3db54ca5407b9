// phone-limit: the limits by telephone number that the documents of Redis in China teach: phone_limit.lua and the SMS pause.
//
// phone_limit.lua is here to the letter, so that a service that has it in its scripts can go on with the same keys. It is a
// fixed window: three messages just before its end and three just after it are six within a second. `fixedWindow` counts in the
// same way and also says how long to wait; `slidingLog` has no such gap.

import { type Commands, replyNumber, replyText, requireCount } from '../commands.js';
import { makeScript, runScript, type Script } from '../script.js';

/** phone_limit.lua: KEYS[1] is the counter, ARGV[1] the window in seconds, ARGV[2] the count. Returns 1 if allowed, else 0. */
export const phoneLimitScript: Script = /* @__PURE__ */ makeScript(`local num=redis.call('incr',KEYS[1])
if tonumber(num)==1 then
   redis.call('expire',KEYS[1],ARGV[1])
   return 1
elseif tonumber(num)>tonumber(ARGV[2]) then
   return 0
else
   return 1
end`);

/** True if the number may be called once more: `count` times in a window of `seconds`. Key: rate.limiting:<phone>. */
export async function phoneLimit(commands: Commands, phone: string, seconds: number, count: number): Promise<boolean> {
  // The script counts before it sets the time: a wrong one would leave a counter without an end.
  requireCount('seconds', seconds);
  requireCount('count', count);
  return replyNumber(await runScript(commands, phoneLimitScript, [`rate.limiting:${phone}`], [seconds, count])) === 1;
}

export interface SmsVerdict {
  readonly allowed: boolean;
  readonly retryAfterMs: number;
}

const smsScript = /* @__PURE__ */ makeScript(`
if redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[1]) then
  return -1
end
local left = redis.call('PTTL', KEYS[1])
if left > 0 then return left end
-- A key is gone a millisecond after its time. One without an end is what SET and EXPIRE, as two commands, can leave.
redis.call('EXPIRE', KEYS[1], ARGV[1])
return left == 0 and -1 or redis.call('PTTL', KEYS[1])
`);

/** One message to a number in `seconds`. Key: sms:limit:<mobile>. The count begins when the message is allowed, not when it is sent. A key without an end gets one. */
export async function smsLimit(commands: Commands, mobile: string, seconds: number): Promise<SmsVerdict> {
  const args = [requireCount('seconds', seconds)];
  const leftMs = replyNumber(await runScript(commands, smsScript, [`sms:limit:${mobile}`], args));
  return leftMs === -1 ? { allowed: true, retryAfterMs: 0 } : { allowed: false, retryAfterMs: Math.max(leftMs, 1) };
}

/** Ends the pause, for a message that could not be sent. */
export async function smsFailed(commands: Commands, mobile: string): Promise<boolean> {
  return replyText(await commands.send('DEL', [`sms:limit:${mobile}`])) === '1';
}
