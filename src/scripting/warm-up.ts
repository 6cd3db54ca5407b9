// warm-up: compiles a small script a few times while nothing else is to be done, so that the first real one finds V8 warm.
//
// V8 has not even compiled the front end at first: the first 300 lines then take 18 ms, after ten steps 7, after sixty 5 (Node 20,
// processor time on a busy machine). A step costs a third of a millisecond; no step runs before the loop has come round, so that
// the start is not made longer.
import { compile } from './lua/compile.js';
import { Engine } from './lua/engine.js';

const STEPS = 60;
const STEP_INTERVAL_MS = 10;

/** A bit of everything that scripts are made of. */
const sample = `
local function each(list, f) local n = 0 for i, v in ipairs(list) do if f(v, i) then n = n + 1 end end return n end
local key, now, limit = KEYS[1], tonumber(ARGV[1]) or 0, tonumber(ARGV[2] or '10')
local parts, seen = {}, { first = true, ['second'] = 2, 3 }
for k, v in pairs(seen) do parts[#parts + 1] = tostring(k) .. ':' .. tostring(v) end
while limit > 0 and #parts < 5 do limit = limit - 1 parts[#parts + 1] = string.format('%d', limit * 2 % 7) end
repeat now = now + 1 until now >= 3 or not key
local ok, reply = pcall(redis.call, 'hget', key, 'field')
if not ok then return redis.error_reply(reply) elseif reply == false then reply = nil else parts.reply = reply end
local total = each(parts, function(v) return v ~= '' and #v > 1 end)
if total >= 2 then redis.call('zadd', key, now, table.concat(parts, ',')) end
return { total, parts[1] or false, -now, cjson.encode({ a = 1 }), { ok = 'done' } }
`;

let isWarm = false;

/** Warms the compiler up in small steps between other work, once in a process. */
export function warmUpCompiler(): void {
  if (isWarm) return;
  isWarm = true;
  const engine = new Engine({ nowMs: () => 0 });
  let stepsLeft = STEPS;
  const step = (): void => {
    compile(sample, '@user_script').bind(engine.globals);
    if (--stepsLeft > 0) setTimeout(step, STEP_INTERVAL_MS).unref();
  };
  setTimeout(step, STEP_INTERVAL_MS).unref();
}
