// waiting: the turns of those who wait for a lock or a semaphore, as a piece of Lua that their scripts share.
//
// A sorted set orders the waiters by tickets, another says until when each counts as alive; each attempt extends that. Waiters
// that died, or gave up without saying so, drop out by themselves. Time is the server's.

export const waitingLua = `
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- How many stand before 'me', who joins the end if not there yet. Without 'join', how many stand there at all.
local function before(line, alive, me, patience, join)
  local dead = redis.call('ZRANGEBYSCORE', alive, '-inf', now)
  for _, waiter in ipairs(dead) do
    redis.call('ZREM', line, waiter)
    redis.call('ZREM', alive, waiter)
  end
  if not join then
    return redis.call('ZCARD', line)
  end
  if not redis.call('ZSCORE', line, me) then
    local last = redis.call('ZRANGE', line, -1, -1, 'WITHSCORES')
    redis.call('ZADD', line, (tonumber(last[2]) or 0) + 1, me)
  end
  redis.call('ZADD', alive, now + patience, me)
  redis.call('PEXPIRE', line, patience * 2)
  redis.call('PEXPIRE', alive, patience * 2)
  return redis.call('ZRANK', line, me)
end

local function leave(line, alive, me)
  redis.call('ZREM', line, me)
  redis.call('ZREM', alive, me)
end
`;
