// limit-script: the Lua of all rate limits: checks any number of limits and counts against all of them or none.
//
// Each limit has a key and six arguments: kind, count, window in microseconds, burst, cost, a unique text. A check returns what it
// found and a function that counts; those run only if every limit allows. Time is the server's, in microseconds: numbers of
// that size are exact in a double (until the year 2255), and are written by %.0f because tostring keeps 14 digits.

import { makeScript } from '../script.js';

export const ARGUMENTS_PER_LIMIT = 6;

export const limitScript = /* @__PURE__ */ (() =>
  makeScript(`
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local checks = {}

local function text(number)
  return string.format('%.0f', number)
end
local function expire(key, microseconds)
  redis.call('PEXPIRE', key, math.max(1, math.ceil(microseconds / 1000)))
end

-- The window begins with the first request, as in phone_limit.lua.
checks.fixed = function(key, count, window, burst, cost)
  local used = tonumber(redis.call('GET', key) or 0)
  local ttl = redis.call('PTTL', key) * 1000
  -- A key is gone a millisecond after its time; the window is over on time.
  if ttl == 0 then used = 0 end
  if ttl <= 0 then ttl = window end
  local function commit()
    if used == 0 then
      redis.call('SET', key, cost, 'PX', math.max(1, math.ceil(window / 1000)))
    else
      redis.call('INCRBY', key, cost)
    end
  end
  if used + cost > count then return false, count - used, ttl, ttl end
  return true, count - used - cost, 0, ttl, commit
end

-- Every request is kept until it is a window old: exact, and as big as the limit.
checks.log = function(key, count, window, burst, cost, unique)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', text(now - window))
  local used = redis.call('ZCARD', key)
  local function reset(rank)
    local entry = redis.call('ZRANGE', key, rank, rank, 'WITHSCORES')
    return entry[2] and entry[2] + window - now or window
  end
  local function commit()
    for index = 1, cost do
      redis.call('ZADD', key, text(now), unique .. ':' .. index)
    end
    expire(key, window)
  end
  if used + cost > count then
    return false, count - used, reset(used + cost - count - 1), reset(-1)
  end
  return true, count - used - cost, 0, window, commit
end

-- Two counters: the share of the last window that still overlaps counts, as if its requests had come evenly.
checks.sliding = function(key, count, window, burst, cost)
  local start = now - now % window
  local fields = redis.call('HMGET', key, 'start', 'current', 'last')
  local from, current, last = tonumber(fields[1] or 0), tonumber(fields[2] or 0), tonumber(fields[3] or 0)
  local now = math.max(now, from) -- a clock that was set back stands until it is there again
  start = math.max(start, from)
  if from ~= start then
    if from == start - window then last = current else last = 0 end
    current = 0
  end
  local elapsed = now - start
  local used = current + last * (window - elapsed) / window
  local function commit()
    redis.call('HSET', key, 'start', text(start), 'current', current + cost, 'last', last)
    expire(key, window * 2)
  end
  local left = math.floor(count - used)
  if used + cost > count then
    local retry
    if current + cost <= count and last > 0 then
      retry = window - (count - current - cost) / last * window - elapsed
    elseif current > 0 then
      retry = (window - elapsed) + window * math.max(0, 1 - (count - cost) / current)
    else
      retry = window - elapsed
    end
    return false, math.max(left, 0), retry, window * 2 - elapsed
  end
  return true, math.floor(count - used - cost), 0, window * 2 - elapsed, commit
end

-- 'count' tokens flow in each window into a bucket that holds 'burst'.
checks.bucket = function(key, count, window, burst, cost)
  local fields = redis.call('HMGET', key, 'tokens', 'at')
  local tokens = tonumber(fields[1] or burst)
  local at = tonumber(fields[2] or now)
  tokens = math.min(burst, tokens + math.max(0, now - at) * count / window)
  local function full(missing)
    return missing * window / count
  end
  local function commit()
    redis.call('HSET', key, 'tokens', string.format('%.17g', tokens - cost), 'at', text(math.max(now, at)))
    expire(key, full(burst - tokens + cost) + 1000)
  end
  if tokens < cost then return false, math.floor(tokens), full(cost - tokens), full(burst - tokens) end
  return true, math.floor(tokens - cost), 0, full(burst - tokens + cost), commit
end

-- The generic cell rate algorithm: one number, the time at which the bucket would be empty again.
checks.gcra = function(key, count, window, burst, cost)
  -- Quarters of a microsecond are exact in a double of that size, so no rounding adds up over a burst.
  local interval = math.floor(window / count * 4) / 4
  local arrival = math.max(tonumber(redis.call('GET', key) or 0), now)
  local after = arrival + interval * cost
  local allowAt = after - interval * burst
  local function commit()
    redis.call('SET', key, string.format('%.2f', after), 'PX', math.max(1, math.ceil((after - now) / 1000)))
  end
  if allowAt > now then
    return false, math.max(0, math.floor((now - arrival) / interval + burst)), allowAt - now, arrival - now
  end
  return true, math.floor((now - allowAt) / interval + 1e-9), 0, after - now, commit
end

local replies, commits, allowed = {}, {}, true
for index, key in ipairs(KEYS) do
  local at = (index - 1) * ${ARGUMENTS_PER_LIMIT}
  local count, window, burst, cost = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local ok, left, retry, reset, commit = checks[ARGV[at + 1]](key, count, window, burst, cost, ARGV[at + 6] .. ':' .. index)
  replies[index] = {ok and 1 or 0, left, math.ceil(math.max(retry, 0) / 1000), math.ceil(math.max(reset, 0) / 1000)}
  commits[index] = commit
  allowed = allowed and ok
end
if allowed then
  for index = 1, #KEYS do commits[index]() end
end
return replies
`))();
