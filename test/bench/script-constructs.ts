// script-constructs: one small script for each construct of Lua and each library, to be timed in both servers.
//
// Each takes redis-server some 10 to 100 ms, so that a reply's way over the socket does not count, and returns a value
// that both servers must agree on: a script that ends early would win.

export const constructs: Readonly<Record<string, string>> = {
  // -- calls
  'tail calls, 1 M':
    'local function loop(n, s) if n == 0 then return s end return loop(n - 1, s + n) end return loop(1000000, 0)',
  'tail calls between two functions, 500 k':
    'local odd local function even(n) if n == 0 then return 1 end return odd(n - 1) end function odd(n) if n == 0 then return 0 end return even(n - 1) end return even(500000)',
  'recursion 150 deep, 2,000 times':
    'local function d(n) if n == 0 then return 0 end return 1 + d(n - 1) end local s = 0 for i = 1, 2000 do s = s + d(150) end return s',
  'recursion 5,000 deep, 100 times':
    'local function d(n) if n == 0 then return 0 end return 1 + d(n - 1) end local s = 0 for i = 1, 100 do s = s + d(5000) end return s',
  'recursion 15,000 deep, 30 times':
    'local function d(n) if n == 0 then return 0 end return 1 + d(n - 1) end local s = 0 for i = 1, 30 do s = s + d(15000) end return s',
  'closures made and called, 500 k':
    'local function add(n) return function(m) return n + m end end local s = 0 for i = 1, 500000 do s = s + add(i)(1) end return s',
  'closures that share a counter, 2 M':
    'local function counter() local n = 0 return function() n = n + 1 return n end end local c = counter() for i = 1, 2000000 do c() end return c()',
  'method calls, 2 M':
    'local C = {} C.__index = C function C:inc(n) self.v = self.v + n end local o = setmetatable({v = 0}, C) for i = 1, 2000000 do o:inc(1) end return o.v',
  'varargs: select, 300 k':
    "local function sum(...) local s = 0 for i = 1, select('#', ...) do s = s + (select(i, ...)) end return s end local t = 0 for i = 1, 300000 do t = t + sum(i, 2, 3) end return t",
  'varargs: table and unpack, 300 k':
    'local function pass(...) local t = {...} return unpack(t) end local s = 0 for i = 1, 300000 do local a, b = pass(i, 2, 3) s = s + a + b end return s',
  'several results, 2 M':
    'local function two(n) return n, n + 1 end local s = 0 for i = 1, 2000000 do local a, b = two(i) s = s + a + b end return s',
  // -- errors
  'pcall, 1 M':
    'local s, f = 0, function(a) return a end for i = 1, 1000000 do local ok, v = pcall(f, i) s = s + v end return s',
  'pcall of error with a text, 200 k':
    "local n = 0 for i = 1, 200000 do local ok, e = pcall(error, 'no') if not ok then n = n + #e end end return n",
  'pcall of a function that raises, 200 k':
    "local n = 0 local function f(i) error('no ' .. i) end for i = 1, 200000 do local ok, e = pcall(f, i) if not ok then n = n + 1 end end return n",
  'pcall of error with a table, 200 k':
    'local n = 0 local E = {code = 1} for i = 1, 200000 do local ok, e = pcall(error, E) if not ok then n = n + e.code end end return n',
  'xpcall with a handler, 200 k':
    "local n = 0 for i = 1, 200000 do local ok, e = xpcall(function() error('no') end, function(m) return #m end) n = n + e end return n",
  'pcall of a failed operation, 200 k':
    'local n = 0 local function f(a) return a + 1 end for i = 1, 200000 do local ok, e = pcall(f, nil) if not ok then n = n + 1 end end return n',
  // -- coroutines
  'coroutines made and ended, 100 k':
    'local s = 0 for i = 1, 100000 do local co = coroutine.create(function(a) return a end) local ok, v = coroutine.resume(co, i) s = s + v end return s',
  'yields through wrap, 300 k':
    'local co = coroutine.wrap(function() for i = 1, 300000 do coroutine.yield(i) end end) local s = 0 for i = 1, 300000 do s = s + co() end return s',
  'yields through resume, 300 k':
    'local co = coroutine.create(function(a) while true do a = coroutine.yield(a + 1) end end) local s = 0 for i = 1, 300000 do local ok, v = coroutine.resume(co, i) s = s + v end return s',
  'yields from ten calls deep, 100 k':
    'local function deep(n, i) if n == 0 then return coroutine.yield(i) end return (deep(n - 1, i)) end local co = coroutine.wrap(function() for i = 1, 100000 do deep(10, i) end end) local s = 0 for i = 1, 100000 do s = s + co() end return s',
  'generators in for, 300 k':
    'local function range(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end local s = 0 for r = 1, 300 do for i in range(1000) do s = s + i end end return s',
  '20,000 coroutines alive':
    'local t = {} for i = 1, 20000 do local co = coroutine.create(function(a) local b = coroutine.yield(a) return b end) coroutine.resume(co, i) t[i] = co end local s = 0 for i = 1, 20000 do local ok, v = coroutine.resume(t[i], i) s = s + v end return s',
  // -- patterns
  'gsub with a function, 300 k matches':
    "local s = ('hello world '):rep(1000) local n = 0 for i = 1, 150 do s:gsub('%w+', function(w) n = n + #w end) end return n",
  'gsub with a function that answers, 200 k matches':
    "local s = ('hello world '):rep(1000) local n = 0 for i = 1, 100 do n = n + #s:gsub('%w+', function(w) return w .. '!' end) end return n",
  'gsub with a table, 300 k matches':
    "local s = ('hello world '):rep(1000) local t = {hello = 'bye'} local n = 0 for i = 1, 150 do n = n + #s:gsub('%w+', t) end return n",
  'gsub with a text, 600 k matches':
    "local s = ('hello world '):rep(1000) local n = 0 for i = 1, 200 do n = n + #s:gsub('o', '0') end return n",
  'gsub with captures in the text, 200 k matches':
    "local s = ('key=value, '):rep(1000) local n = 0 for i = 1, 200 do n = n + #s:gsub('(%w+)=(%w+)', '%2=%1') end return n",
  'find of a plain text, 300 k':
    "local s = ('x'):rep(200) .. 'needle' local n = 0 for i = 1, 300000 do n = n + s:find('needle', 1, true) end return n",
  'find of a pattern with captures, 200 k':
    "local n = 0 for i = 1, 200000 do n = n + string.find('abc=def;ghi=jkl', '(%w+)=(%w+);') end return n",
  'match of a date, 200 k':
    "local n = 0 for i = 1, 200000 do local y, m, d = ('2026-11-28'):match('^(%d%d%d%d)%-(%d%d)%-(%d%d)$') n = n + y end return n",
  'match of a set, 200 k':
    "local n = 0 for i = 1, 200000 do n = n + #('user:1000:profile'):match('^[a-z]+:[0-9]+:[^:]*$') end return n",
  'match from the end, 20 k':
    "local s = ('abc/'):rep(20) .. 'file.txt' local n = 0 for i = 1, 20000 do n = n + #s:match('([^/]*)$') end return n",
  'trim, 100 k': "local n = 0 for i = 1, 100000 do n = n + #('   some text   '):match('^%s*(.-)%s*$') end return n",
  'shortest run between two marks, 50 k':
    "local s = 'a<' .. ('x'):rep(50) .. '>b' local n = 0 for i = 1, 50000 do n = n + #s:match('<(.-)>') end return n",
  'gmatch of words, 300 k':
    "local s = ('hello world '):rep(1000) local n = 0 for i = 1, 150 do for w in s:gmatch('%a+') do n = n + #w end end return n",
  'gmatch of pairs, 150 k':
    "local s = ('key=value, '):rep(1000) local n = 0 for i = 1, 150 do for k, v in s:gmatch('(%w+)=(%w+)') do n = n + #v end end return n",
  'balanced brackets, 100 k':
    "local s = 'f(a(b)c(d(e)))g' local n = 0 for i = 1, 100000 do n = n + #s:match('%b()') end return n",
  'frontiers, 100 k':
    "local n = 0 for i = 1, 100000 do n = n + ('THE (quick) fox'):find('%f[%a]%a+%f[%A]', 5) end return n",
  'back references, 100 k':
    "local n = 0 for i = 1, 100000 do n = n + #select(2, ('say \"hello\" now'):match('([\"\\'])(.-)%1')) end return n",
  'blanks that end in nothing: 3,000': "return #string.gsub(string.rep(' ', 3000) .. 'x', '%s+$', '')",
  'two shortest runs without an end: 3,000': "return string.find(string.rep('a', 3000), '^.-.-b') or 0",
  // -- strings
  'a string built piece by piece, 300 k':
    "local s = '' for i = 1, 20000 do s = s .. 'x' end local n = 0 for i = 1, 300000 do local k = 'key:' .. i .. ':field' n = n + #k end return #s + n",
  'string.format of numbers, 200 k':
    "local n = 0 for i = 1, 200000 do n = n + #string.format('%d:%05.2f', i, i / 3) end return n",
  'string.format of texts, 300 k':
    "local n = 0 for i = 1, 300000 do n = n + #string.format('%s-%s:%d', 'user', i, i) end return n",
  'tostring and tonumber, 500 k': 'local s = 0 for i = 1, 500000 do s = s + tonumber(tostring(i)) end return s',
  'tostring of fractions, 200 k': 'local n = 0 for i = 1, 200000 do n = n + #tostring(i / 7) end return n',
  'sub, byte and char, 500 k':
    "local s, n = 'abcdefghij', 0 for i = 1, 500000 do n = n + #s:sub(2, 5) + s:byte(3) + #string.char(65, 66) end return n",
  'upper, lower, reverse and rep, 100 k':
    "local n = 0 for i = 1, 100000 do n = n + #('Hello World'):upper() + #('Hello World'):lower() + #('Hello'):reverse() + #('ab'):rep(10) end return n",
  'strings compared, 2 M':
    "local a, b, n = 'user:1000', 'user:1001', 0 for i = 1, 2000000 do if a < b then n = n + 1 end end return n",
  'fields of a list of arguments, 100 k':
    "local n = 0 for i = 1, 100000 do local t = {} for w in ('a,b,c,d'):gmatch('[^,]+') do t[#t + 1] = w end n = n + #table.concat(t, ';') end return n",
  // -- tables
  'table.insert at the end, 1 M': 'local t = {} for i = 1, 1000000 do table.insert(t, i) end return #t',
  'table.insert at the front, 5 k': 'local t = {} for i = 1, 5000 do table.insert(t, 1, i) end return t[1]',
  'table.remove at the end, 1 M':
    'local t = {} for i = 1, 1000000 do t[i] = i end local s = 0 for i = 1, 1000000 do s = s + table.remove(t) end return s',
  'table.remove at the front, 5 k':
    'local t = {} for i = 1, 5000 do t[i] = i end local s = 0 for i = 1, 5000 do s = s + table.remove(t, 1) end return s',
  'table.concat, 300 k': "local t = {} for i = 1, 300000 do t[i] = 'k' .. i end return #table.concat(t, ',')",
  'table.sort of numbers, 100 k':
    'local t, x = {}, 7 for i = 1, 100000 do x = (x * 16807) % 2147483647 t[i] = x end table.sort(t) return t[1]',
  'table.sort of strings, 30 k':
    "local t, x = {}, 7 for i = 1, 30000 do x = (x * 16807) % 2147483647 t[i] = 'k' .. x end table.sort(t) return #t[1]",
  'table.sort by a function, 50 k':
    'local t, x = {}, 7 for i = 1, 50000 do x = (x * 16807) % 2147483647 t[i] = x end table.sort(t, function(a, b) return a > b end) return t[1]',
  'fields read and written, 2 M':
    'local o = {x = 1, y = 2, z = 3} for i = 1, 2000000 do o.x = o.x + o.y o.z = o.x - 1 end return o.x',
  'arrays read and written, 3 M':
    'local t = {} for i = 1, 1000 do t[i] = 0 end for r = 1, 3000 do for i = 1, 1000 do t[i] = t[i] + i end end return t[1000]',
  'keys that are strings, 300 k':
    "local t = {} for i = 1, 300000 do t['k' .. i % 1000] = i end local n = 0 for k in pairs(t) do n = n + 1 end return n",
  'keys that are sparse numbers, 500 k':
    'local t = {} for i = 1, 500000 do t[(i * 7919) % 100003 + 200000] = i end local n = 0 for k in pairs(t) do n = n + 1 end return n',
  'objects made, 300 k':
    "local l = {} for i = 1, 300000 do l[i] = {id = i, name = 'n'} end local s = 0 for _, o in ipairs(l) do s = s + o.id end return s",
  'small arrays made, 500 k': 'local s = 0 for i = 1, 500000 do local t = {i, 2, 3} s = s + #t end return s',
  // -- metatables
  '__index functions, 1 M':
    'local t = setmetatable({}, {__index = function(t, k) return k end}) local s = 0 for i = 1, 1000000 do s = s + t[i] end return s',
  '__index through three tables, 1 M':
    'local a = {x = 1} local b = setmetatable({}, {__index = a}) local c = setmetatable({}, {__index = b}) local d = setmetatable({}, {__index = c}) local s = 0 for i = 1, 1000000 do s = s + d.x end return s',
  '__newindex functions, 1 M':
    'local n = 0 local t = setmetatable({}, {__newindex = function(t, k, v) n = n + v end}) for i = 1, 1000000 do t[i] = 1 end return n',
  '__call, 1 M':
    'local t = setmetatable({}, {__call = function(self, a) return a end}) local s = 0 for i = 1, 1000000 do s = s + t(i) end return s',
  '__eq, 1 M':
    'local m = {__eq = function(a, b) return a.v == b.v end} local a, b = setmetatable({v = 1}, m), setmetatable({v = 1}, m) local n = 0 for i = 1, 1000000 do if a == b then n = n + 1 end end return n',
  '__lt and __le, 500 k':
    'local m = {__lt = function(a, b) return a.v < b.v end, __le = function(a, b) return a.v <= b.v end} local a, b = setmetatable({v = 1}, m), setmetatable({v = 2}, m) local n = 0 for i = 1, 500000 do if a < b and a <= b then n = n + 1 end end return n',
  '__concat, 500 k':
    "local m = {__concat = function(a, b) return 'x' end} local a = setmetatable({}, m) local n = 0 for i = 1, 500000 do n = n + #(a .. 'b') end return n",
  '__add, 1 M':
    'local m m = {__add = function(a, b) return setmetatable({v = a.v + b}, m) end} local a = setmetatable({v = 0}, m) for i = 1, 1000000 do a = a + 1 end return a.v',
  // -- loops
  'numeric for, 10 M': 'local s = 0 for i = 1, 10000000 do s = s + i end return s',
  'while and branches, 3 M':
    'local i, s = 0, 0 while i < 3000000 do i = i + 1 if i % 3 == 0 then s = s + i else s = s - 1 end end return s',
  'pairs, 3 M':
    'local t = {} for i = 1, 1000 do t["k" .. i] = i end local s = 0 for r = 1, 3000 do for k, v in pairs(t) do s = s + v end end return s',
  'ipairs, 3 M':
    'local t = {} for i = 1, 1000 do t[i] = i end local s = 0 for r = 1, 3000 do for i, v in ipairs(t) do s = s + v end end return s',
  'next, 1 M':
    'local t = {} for i = 1, 1000 do t["k" .. i] = i end local s = 0 for r = 1, 1000 do local k, v = next(t) while k do s = s + v k, v = next(t, k) end end return s',
  'for with a function of its own, 1 M':
    'local function step(n, i) if i < n then return i + 1 end end local s = 0 for i in step, 1000000, 0 do s = s + i end return s',
  'math library, 1 M': 'local s = 0 for i = 1, 1000000 do s = s + math.floor(i / 3) + math.max(i, 5) end return s',
  // -- libraries
  'cjson.encode, 30 k':
    "local t = {id = 1, name = 'some name', tags = {'a', 'b', 'c'}, nested = {x = 1.5, y = true}} local n = 0 for i = 1, 30000 do n = n + #cjson.encode(t) end return n",
  'cjson.decode, 30 k': `local s = '{"id":1,"name":"some name","tags":["a","b","c"],"nested":{"x":1.5,"y":true}}' local n = 0 for i = 1, 30000 do n = n + #cjson.decode(s).tags end return n`,
  'cmsgpack.pack, 30 k':
    "local t = {id = 1, name = 'some name', tags = {'a', 'b', 'c'}, nested = {x = 1.5, y = true}} local n = 0 for i = 1, 30000 do n = n + #cmsgpack.pack(t) end return n",
  'cmsgpack.unpack, 30 k':
    "local s = cmsgpack.pack({id = 1, name = 'some name', tags = {'a', 'b', 'c'}, nested = {x = 1.5, y = true}}) local n = 0 for i = 1, 30000 do n = n + #cmsgpack.unpack(s).tags end return n",
  'struct.pack and unpack, 100 k':
    "local n = 0 for i = 1, 100000 do local a, b = struct.unpack('>I4s', struct.pack('>I4s', i, 'abc')) n = n + a end return n",
  'bit, 1 M':
    'local s = 0 for i = 1, 1000000 do s = s + bit.band(i, 255) + bit.bor(i, 1) % 2 + bit.lshift(1, i % 8) end return s',
  // -- commands
  "redis.call('get'), 100 k":
    "redis.call('set', 'bench', 'value') local n = 0 for i = 1, 100000 do n = n + #redis.call('get', 'bench') end return n",
  "redis.call('set'), 100 k": "for i = 1, 100000 do redis.call('set', 'bench:' .. i % 1000, i) end return 1",
  "redis.call('incr'), 100 k":
    "redis.call('del', 'bench') local n for i = 1, 100000 do n = redis.call('incr', 'bench') end return n",
  "redis.call('hset') and hget, 50 k":
    "redis.call('del', 'bench') local n = 0 for i = 1, 50000 do redis.call('hset', 'bench', i % 100, i) n = n + redis.call('hget', 'bench', i % 100) end return n",
  "redis.call('zadd'), 50 k":
    "redis.call('del', 'bench') for i = 1, 50000 do redis.call('zadd', 'bench', i % 1000, 'm' .. i % 1000) end return redis.call('zcard', 'bench')",
  "redis.call('lrange') of 100, 10 k":
    "redis.call('del', 'bench') for i = 1, 100 do redis.call('rpush', 'bench', i) end local n = 0 for i = 1, 10000 do n = n + #redis.call('lrange', 'bench', 0, -1) end return n",
  'redis.pcall that fails, 50 k':
    "redis.call('set', 'bench', 'x') local n = 0 for i = 1, 50000 do if redis.pcall('incr', 'bench').err then n = n + 1 end end return n",
  'redis.sha1hex, 100 k': "local n = 0 for i = 1, 100000 do n = n + #redis.sha1hex('text') end return n",
};
