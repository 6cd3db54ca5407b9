// warm-up: compiles a sample of Lua while nothing else is to be done, so that the first real script finds V8 warm.
//
// V8 has not even compiled the front end at first: 300 lines then take 15 ms. After the warm-up they take 2 (Node 20). It is
// a tenth of a second of work in steps of a millisecond or less, each in a turn of its own; no step runs before the loop has
// come round, so that the start is not made longer. V8's work for it on other threads takes twice that again, so a
// server that has commands to run is left alone.
import { sha1Hex } from '../base/sha1.js';
import { compile } from './lua/compile.js';
import type { Engine } from './lua/engine.js';

const ROUNDS = 100;
const STEP_INTERVAL_MS = 8;
/** More commands between two steps are work that the warm-up must not disturb. */
const COMMANDS_MAX = 10;
/** When to look again whether the server has become idle. */
const BUSY_INTERVAL_MS = 250;

/**
 * A bit of everything that scripts are made of. A missing construct costs twice: V8 throws code away that meets a kind of
 * number, string or tree that it was not compiled for.
 */
const parts = [
  `-- A comment, and names of one and of many letters.
local key, now, limit = KEYS[1], tonumber(ARGV[1]) or 0, tonumber(ARGV[2] or '10')
local parts, seen, rate = {}, { first = true, ['second'] = 2, 3, [4] = 0.25; n = nil }, 1.5`,
  `local function each(list, f) local n = 0 for i, v in ipairs(list) do if f(v, i) then n = n + 1 end end return n end`,
  `local function count(...) local a, b = ... return select('#', ...), a, b end`,
  `function seen.add(self, name, value) self[name] = (self[name] or 0) + value return self end`,
  `local function find(list, value, from)
  for i = from or 1, #list do if list[i] == value or parts[i] == seen[value] then return i, 'at ' .. i .. ' of ' .. key end end
  if value == nil then return false end
  parts[#parts + 1], seen[value] = value, { at = from, value = value .. '!' }
  seen.found = parts[1] or (parts[2] and parts[2] .. '?') or 0.5
  return nil, 'none'
end`,
  `local total = 0
local function grow(by) total = total + by * rate if total > 1e15 then total = -1 end return total end`,
  `for k, v in pairs(seen) do parts[#parts + 1] = tostring(k) .. ':' .. tostring(v) .. "\\n" end
for i = 1, 3 do parts[i] = parts[i] or i end
for i = #parts, 1, -2 do if parts[i] == nil then break elseif i % 2 ~= 0 and i ^ 2 > 7 then grow(i / 2) else grow(-i) end end`,
  `while limit > 0 and #parts < 5 do limit = limit - 1 parts[#parts + 1] = string.format('%d', limit * 2 % 7) end
repeat now = now + 1 local done = now >= 3 or not key until done
do local swap = now; now, limit = limit, swap end`,
  `local ok, reply = pcall(redis.call, 'hget', key, 'field')
if not ok then
  return redis.error_reply(reply)
elseif reply == false then
  reply = nil
else
  parts.reply = reply
end`,
  `local fields = redis.call('HMGET', key .. ':' .. now, 'a', "b", [[c
d]])
if fields[1] == nil or fields[2] ~= 'x' and not fields[3] then redis.log(redis.LOG_DEBUG, 'none of ' .. #fields) end
if redis.call('exists', key) == 1 and tonumber(redis.call('ttl', key)) <= 0 then redis.call('expire', key, math.floor(rate * 60)) end`,
  `total = total + each(parts, function(v) return v ~= '' and #v > 1 end) + (seen.n or 0) - -2
seen:add('first', total):add("it's", count(key, now))
seen['first'], seen.second = seen.second, nil`,
  `if total >= 2 and key:sub(1, 3) == 'a:\\65\\\\' then redis.call('zadd', key, now, table.concat(parts, ',')) end
--[[ the
end ]]
return { total, parts[1] or false, -now, cjson.encode({ a = 1, b = {} }), { ok = 'done' }, count(unpack(parts)) }`,
];

/**
 * Warms the compiler up in small steps between other work. `prepare` is asked in each step for the engine that scripts will
 * use, `commandCount` is the number of commands that have run so far. `isAtWork` is told when the work begins, when it is put
 * off because the server is busy, goes on, and when V8 has had time to end its part.
 */
export function warmUpCompiler(
  prepare: () => Engine,
  commandCount: () => number,
  isAtWork: (is: boolean) => void = () => undefined,
): void {
  const whole = parts.join('\n');
  let round = 0;
  let part = 0;
  let seen = 0;
  let wasAtWork = false;
  const tell = (is: boolean): void => {
    if (is !== wasAtWork) isAtWork(is);
    wasAtWork = is;
  };
  const step = (): void => {
    const before = seen;
    seen = commandCount();
    if (seen - before > COMMANDS_MAX) {
      tell(false);
      setTimeout(step, BUSY_INTERVAL_MS).unref();
      return;
    }
    tell(true);
    const { globals } = prepare();
    // All is cold in the first round: it goes in smaller steps.
    compile(round === 0 ? parts[part]! : whole, '@user_script').bind(globals);
    if (round === 0 && ++part === parts.length) sha1Hex(whole.repeat(2));
    if (round > 0 || part === parts.length) round++;
    if (round < ROUNDS) setTimeout(step, STEP_INTERVAL_MS).unref();
    else setTimeout(tell, BUSY_INTERVAL_MS, false).unref();
  };
  setTimeout(step, STEP_INTERVAL_MS).unref();
}
