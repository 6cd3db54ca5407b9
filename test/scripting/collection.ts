// collection: hand-written commands that run scripts and functions, for the comparison with redis-server.
import type { Words } from '../differential/side-by-side.js';

/** EVAL without keys and arguments, or with these. */
function script(source: string, keys: readonly string[] = [], args: readonly string[] = []): Words {
  return ['EVAL', source, String(keys.length), ...keys, ...args];
}

/** What the scripts find. */
const data: readonly Words[] = [
  ['FLUSHALL'],
  ['SET', 'text', 'hello'],
  ['SET', 'number', '41'],
  ['SET', 'bytes', '\x00\xff\r\n\x80'],
  ['RPUSH', 'list', 'a', 'b', 'c'],
  ['HSET', 'hash', 'f', 'v'],
  ['SADD', 'set', 'm'],
  ['ZADD', 'scores', '1.5', 'one'],
  ['XADD', 'stream', '1-1', 'f', 'v'],
];

/** Calls whose replies are of every kind, in both protocols. */
const calls: readonly string[] = [
  "'get','text'", "'get','none'", "'get','list'", "'get','bytes'", "'incr','number'", "'incrbyfloat','float','1.25'", "'lrange','list',0,-1", "'lrange','none',0,-1",
  "'hgetall','hash'", "'smembers','set'", "'zscore','scores','one'", "'zrange','scores',0,-1,'withscores'", "'zpopmin','none'", "'ping'", "'ping','x'", "'echo','x'",
  "'type','list'", "'exists','text','none'", "'set','text','hello'", "'set','text','x','nx'", "'xrange','stream','-','+'", "'xread','streams','stream','0'",
  "'object','encoding','number'", "'object'", "'object','nope','x'", "'config','get','x'", "'debug','sleep',0", "'blpop','none',0", "'blpop','list',0", "'brpoplpush','none','x',0",
  "'xread','block',0,'streams','stream','$'", "'zinter',1,'scores','withscores'", "'zadd','scores','incr',1,'one'", "'hincrbyfloat','hash','x','0.1'", "'geopos','scores','one'",
  "'bzpopmin','none',0", "'blmove','none','x','left','right',0", "'setex','text',-1,'x'", "'mget','text','none','list'", "'eval','return 1',0", "'multi'", "'exec'", "'watch','x'", "'subscribe','x'",
  "'publish','x','y'", "'script','load','x'", "'function','list'", "'fcall','x',0", "'auth','x'", "'hello',3", "'select',1", "'select',99", "'swapdb',0,1", "'move','text',1", "'monitor'", "'shutdown'", "'save'",
  "'client','id'", "'client','reply','off'", "'acl','whoami'", "'info','nothing'", "'nope'", "''", "", "'get'", "'get','a','b'", "'set','a'", "nil", "true", "{}", "'get',nil", "'get',true", "'get',{}",
  "'set','n',1", "'set','n',1.5", "'set','n',1e20", "'set','n',0.1", "'set','n',-0", "'set','n',1/0", "'set','n',2^53", "'set','n',3.0", "'get','n'", "'append','long',('x'):rep(100000)", "'strlen','long'",
  "'sort','list','alpha','desc'", "'lpos','list','b'", "'lpop','none',2", "'lpop','none'", "'spop','none',1", "'srandmember','none',1", "'hrandfield','hash',1,'withvalues'", "'getdel','none'", "'copy','text','text2'",
  "'expire','text',100", "'ttl','none'", "'randomkey','x'", "'memory','usage','none'", "'pfcount','none'", "'bitcount','none'", "'setbit','bits',7,1", "'dump','none'",
];

const sources: readonly string[] = [
  'return 1', 'return', 'return nil', 'return true', 'return false', 'return 3.99', 'return -3.99', 'return 1e15', 'return 2^53', 'return 2^63', 'return -2^63', 'return 0/0', 'return 1/0', 'return -1/0', 'return -0',
  "return 'x'", "return ''", "return '\\0\\255\\r\\n'", 'return {}', 'return {1,2,3}', 'return {1,nil,3}', 'return {nil}', "return {1,{2,{3,{'x'}}}}", 'return {1.5,2.5}', "return {a=1}", "return {1,a=2}", 'return {[2]=1}',
  "return {ok='fine'}", "return {ok='two\\r\\nlines'}", "return {err='ERR bad'}", "return {err='bad'}", "return {err='-ERR x'}", "return {err='two\\r\\nlines'}", 'return {ok=1}', 'return {err=1}', "return {err='a',ok='b'}",
  "return {double=1.5}", "return {double='x'}", 'return {double=3}', 'return {double=1/0}', "return {map={a=1}}", 'return {map={}}', 'return {map=1}', "return {set={a=true}}", 'return {set={}}', "return {big_number='123456789012345678901234567890'}",
  "return {verbatim_string={string='abc',format='txt'}}", "return {verbatim_string={string='abc'}}", "return {verbatim_string=1}", "return {big_number=1}",
  "return {err='end\\r\\n'}", "return {1,{err='\\r\\n'}}", "return {err='zero\\0x'}", "return {verbatim_string={string='abc',format='a\\0b'}}", "return redis.error_reply('x\\r\\n')", "return redis.error_reply('\\r\\nx')", "return redis.error_reply('MY \\r\\nx\\r\\n')", "return redis.error_reply('\\r\\n')", "return {1,redis.error_reply('- ')}",
  "error({err='-x'})", "error({err='My x\\r\\n'})", "error({err='zero\\0x'})", "error('zero\\0x')", "error(redis.error_reply('x y\\r\\n'))",
  'return KEYS', 'return ARGV', 'return #KEYS', 'return KEYS[1]', 'return type(KEYS)', 'KEYS[1]=1 return KEYS', 'KEYS=nil', 'ARGV={} return 1', "return redis.error_reply('x')", "return redis.error_reply('-x')", "return redis.error_reply('MY error')", "return redis.error_reply('')", 'return redis.error_reply()', 'return redis.error_reply(1)', "return redis.error_reply('a','b')",
  "return redis.status_reply('x')", "return redis.status_reply('')", 'return redis.status_reply()', 'return redis.status_reply({})', "return redis.sha1hex('')", "return redis.sha1hex('x')", 'return redis.sha1hex()', 'return redis.sha1hex(1)', 'return redis.sha1hex({})', "return redis.sha1hex('a','b')",
  "return redis.log(redis.LOG_DEBUG,'x')", "return redis.log(1)", "return redis.log('x','y')", "return redis.log(10,'y')", 'redis.log()', 'return redis.setresp()', 'return redis.setresp(4)', "return redis.setresp('x')", 'return redis.setresp(3)', 'redis.setresp(3) return redis.call("hgetall","hash")',
  'redis.setresp(3) return true', 'redis.setresp(3) return false', 'redis.setresp(3) return nil', 'redis.setresp(3) return redis.call("get","none")', 'redis.setresp(3) return {redis.call("get","none"),1}', 'redis.setresp(3) return redis.call("zscore","scores","one").double', 'redis.setresp(3) return redis.call("smembers","set").set.m', 'redis.setresp(3) redis.setresp(2) return redis.call("get","none")',
  'return redis.set_repl()', 'return redis.set_repl(9)', 'return redis.set_repl(redis.REPL_ALL)', "return redis.set_repl('x')", 'return redis.replicate_commands()', 'return redis.breakpoint()', 'return redis.debug(1)', 'return redis.REDIS_VERSION ~= nil', 'return type(redis.REDIS_VERSION_NUM)',
  "return redis.acl_check_cmd('get','x')", "return redis.acl_check_cmd('nope')", 'return redis.acl_check_cmd()', "return redis.acl_check_cmd('get')", 'return redis.register_function', 'redis.x=1', 'return redis.x',
  'return x', 'x=1', 'local x=1 x=x+1 return x', 'function f() end', 'return _G.x', '_G.x=1', 'return rawset(_G,"x",1)', 'return setmetatable(_G,{})', 'getmetatable(_G).__index=nil', 'return type(getmetatable(_G))', 'string.x=1', 'return ("x").y', 'return loadfile', 'return dofile', 'return print', 'return require', 'return io', 'return os.time', 'return type(os.clock())', 'return debug', 'return package', 'return coroutine == nil', 'return newproxy', 'return collectgarbage("count")>0', 'return gcinfo', 'return setfenv', 'return getfenv',
  "error('x')", "error('x',0)", "error('x',2)", "error({err='My x'})", "error({err='x'})", 'error()', 'error(1)', 'error(true)', "error(redis.error_reply('x y'))", "return error_reply", 'local t=nil return t.x', 'return 1+nil', 'return 1+{}', 'return #nil', "return 'a'+1", "return {}..'x'", 'return nil>1', 'return redis.nope()', "return ('x'):nope()", 'return a.b.c', 'local function f() return 1+f() end return f()',
  "return {pcall(error,'x')}", "return {pcall(error,{err='x'})}", "return select(2,pcall(redis.call,'get'))", "return {pcall(redis.call,'nope')}", "return {pcall(redis.call)}", "local ok,e=pcall(redis.call,'incr','text') return type(e)..tostring(e)", "local e=redis.pcall('incr','text') return e", "local e=redis.pcall('incr','text') return e.err", "local e=redis.pcall('incr','text') return {type(e),e.err,e.source,e.line}", "local e=redis.pcall('nope') return e.err", 'return {redis.pcall()}', "error(redis.pcall('incr','text'))", "return redis.call('incr','text')", "return {redis.call('set','text','hello'),redis.pcall('incr','text')}", 'return {1,redis.error_reply("x y"),2}', "return {ok='a',1}",
  'return', 'retur 1', 'return 1 +', 'return "', "return 'a\n'", 'return [[', '--', '-- c\nreturn 2', 'end', 'return 1 return 2', 'goto x', 'local a <const> = 1', 'return 1//2', 'return 0x10', 'return 1e', 'return ~1', '', ' ', '\n', '\0', 'return "\\xff"', '#!lua\nreturn 1', '#!lua', '#!lua flags=no-writes\nreturn redis.call("set","a",1)', '#!lua flags=no-writes,allow-oom\nreturn 5', '#!lua flags=x\nreturn 1', '#!lua flags=\nreturn 1', '#!lua name=x\nreturn 1', '#!lua x\nreturn 1', '#!python\nreturn 1', '#! lua\nreturn 1', '#!lua flags=no-cluster\nreturn redis.call("set","a",1)', '#!lua flags=allow-stale allow-oom\nreturn 1', '#!lua\n\nerror("line three")', '#!LUA\nreturn 1', '#',
  "return cjson.encode({1,2,{a=1}})", "return cjson.encode({})", "return cjson.decode('[1,2,{\"a\":null}]')", "return cjson.decode('{')", "return cjson.encode(function() end)", "return cjson.decode('{\"a\":1.5}').a", 'return cjson.encode(1/0)', 'return cjson.encode({[1]=1,[3]=3})', "return cmsgpack.unpack(cmsgpack.pack({1,'a',{b=2}}))[2]", 'return cmsgpack.pack()', "return cmsgpack.unpack('')", "return struct.pack('>I4',1)", "return {struct.unpack('<hh','\\1\\0\\2\\0')}", "return struct.pack('x')", 'return bit.band(12,10)', 'return bit.tohex(255)', "return bit.band('x')",
  "return string.format('%5.2f|%d|%s|%q',1.234,42,'x','a\\nb')", "return ('a,b'):gsub(',',';')", "return {('key=val'):match('(%w+)=(%w+)')}", 'return table.concat({1,2,3},",")', 'local t={3,1,2} table.sort(t) return t', 'return tostring(1e15)', 'return tostring(0.1)', 'return tonumber("0x1f")', 'return tonumber("z",36)', 'return math.floor(-1.5)', 'return math.random()<1', 'math.randomseed(1) local a=math.random(100) math.randomseed(1) return a==math.random(100)', 'return unpack({1,2,3})', 'return select("#",1,nil,nil)', 'local t={} for i=1,10 do t[i]=i*i end return t', 'return string.rep("x",3)', 'local s=0 for k,v in pairs({a=1,b=2}) do s=s+v end return s', 'return type(nil)', 'return next({})', 'return tostring(nil)', 'return loadstring("return 7")()', 'return loadstring("x x")', 'return string.dump(function() end)', 'return math.huge', 'return assert(false)', "return assert(false,'m')", 'return assert(1,2)', "return assert(nil,{err='E x'})", 'return (function(...) return select("#",...) end)(1,2)',
  'local co=coroutine.create(function(a) local b=coroutine.yield(a+1) return b*2 end) local _,x=coroutine.resume(co,1) local _,y=coroutine.resume(co,10) return {x,y}', 'coroutine.yield(1)', "redis.call('set','eff','1') error('after')", "redis.call('select',1) redis.call('set','indb1','x') return redis.call('dbsize')", "redis.call('setex','temp',100,'x') return redis.call('ttl','temp')", "return redis.call('time')[1]==redis.call('time')[1]", "for i=1,300 do redis.call('incr','loop') end return redis.call('get','loop')", "return redis.call('GET','text')..redis.call('gEt','text')", 'return {1,2,3,nil,5}', 'return {{},{{}}}', 'return {true,false,true}', "return {false}", "return {'a',1,true,{ok='x'},{err='y z'},nil,'b'}",
];

/** Keys and arguments, right and wrong. */
const misuse: readonly Words[] = [
  ['EVAL'], ['EVAL', 'return 1'], ['EVAL', 'return 1', 'x'], ['EVAL', 'return 1', '-1'], ['EVAL', 'return 1', '1'], ['EVAL', 'return 1', '2', 'a'], ['EVAL', 'return 1', '1.5'], ['EVAL', 'return 1', ''], ['EVAL', 'return 1', '99999999999999999999'], ['EVAL', 'bad(', 'x'],
  ['EVAL', 'return {KEYS,ARGV}', '2', 'a', 'b', 'c', 'd'], ['EVAL', 'return {KEYS,ARGV}', '0'], ['EVAL', 'return {#KEYS,#ARGV,ARGV[1]}', '1', '\x00\xff', ''], ['EVAL_RO', 'return 1', '0'], ['EVAL_RO', "return redis.call('get',KEYS[1])", '1', 'text'], ['EVAL_RO', "return redis.call('set','a','b')", '0'], ['EVAL_RO', "return redis.pcall('set','a','b')", '0'], ['EVAL_RO', "return redis.call('publish','a','b')", '0'], ['EVAL_RO', '#!lua\nreturn 1', '0'], ['EVAL_RO', '#!lua flags=no-writes\nreturn 1', '0'],
  ['EVALSHA', 'x', '0'], ['EVALSHA', 'x', 'x'], ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 'x'], ['EVALSHA', 'ffffffffffffffffffffffffffffffffffffffff', '0'], ['SCRIPT', 'LOAD', 'return 31'], ['EVALSHA', '76a95c3e9e5a6a3a4c5c6b8f5c0ef16b8f4e2c2b', '0'], ['SCRIPT', 'LOAD', 'return KEYS[1]'], ['EVALSHA', '4a2267357833227dd98abdedb8cf24b15a986445', '1', 'k'], ['EVALSHA', '4A2267357833227DD98ABDEDB8CF24B15A986445', '1', 'k'], ['EVALSHA_RO', '4a2267357833227dd98abdedb8cf24b15a986445', '1', 'k'],
  ['SCRIPT', 'EXISTS', '4a2267357833227dd98abdedb8cf24b15a986445', 'x', ''], ['SCRIPT', 'LOAD', 'return +'], ['SCRIPT', 'LOAD', '#!x\n'], ['SCRIPT', 'EXISTS'], ['SCRIPT', 'NOPE'], ['SCRIPT'], ['SCRIPT', 'KILL'], ['SCRIPT', 'FLUSH', 'x'], ['SCRIPT', 'FLUSH', 'SYNC', 'x'], ['SCRIPT', 'FLUSH', 'async'], ['EVALSHA', '4a2267357833227dd98abdedb8cf24b15a986445', '1', 'k'], 
  ['DBSIZE'], ['SELECT', '1'], ['EVAL', "return redis.call('dbsize')", '0'], ['EVAL', "redis.call('select',0) return redis.call('dbsize')", '0'], ['DBSIZE'], ['SELECT', '0'],
];

function library(name: string, body: string): Words {
  return ['FUNCTION', 'LOAD', `#!lua name=${name}\n${body}`];
}

const functions: readonly Words[] = [
  ['FUNCTION', 'FLUSH'],
  library('one', "redis.register_function('first', function(keys, args) return {keys, args} end)"),
  library('one', "redis.register_function('first', function(keys, args) return 2 end)"),
  library('two', "redis.register_function('first', function() end)"),
  library('three', "redis.register_function{function_name='read', callback=function(k) return redis.call('get', k[1]) end, flags={'no-writes'}, description='reads'}"),
  ['FUNCTION', 'LIST', 'LIBRARYNAME', 'o*', 'WITHCODE'], ['FUNCTION', 'LIST', 'LIBRARYNAME', 'x*'], ['FUNCTION', 'LIST', 'libraryname', 'THREE'], ['FUNCTION', 'STATS'],
  ['FCALL', 'first', '1', 'k', 'a'], ['FCALL', 'first', '0'], ['FCALL', 'FIRST', '0'], ['FCALL', 'first', 'x'], ['FCALL', 'first', '-1'], ['FCALL', 'first', '5'], ['FCALL', 'first'], ['FCALL_RO', 'first', '0'], ['FCALL_RO', 'read', '1', 'text'], ['FCALL', 'read', '1', 'list'], ['FCALL', 'read', '1', 'none'],
  ['FUNCTION', 'LOAD', 'REPLACE', "#!lua name=one\nredis.register_function('second', function() return redis.call('set','fn',1) end)"], ['FCALL', 'first', '0'], ['FCALL', 'second', '0'], ['FCALL_RO', 'second', '0'],
  library('bad', ''), library('bad', 'return 1'), library('bad', 'syntax error here'), library('bad', 'x = 1'), library('bad', "redis.call('ping')"), library('bad', "error('x')"), library('bad', 'local x = math.floor(1)'), library('bad', 'local t = nil; t.x = 1'), library('bad', 'redis = nil'), library('bad', "redis.register_function('a', function() end) redis.register_function('a', function() end)"),
  library('bad', "redis.register_function('a')"), library('bad', 'redis.register_function()'), library('bad', "redis.register_function('a', function() end, {}, 1)"), library('bad', "redis.register_function('a-b', function() end)"), library('bad', "redis.register_function('', function() end)"), library('number', "redis.register_function(1, function() end)"), ['FCALL', '1', '0'], library('bad', "redis.register_function('a', 1)"), library('bad', "redis.register_function{function_name='a'}"), library('bad', "redis.register_function{callback=function() end}"), library('bad', "redis.register_function{function_name='a', callback=function() end, nope=1}"), library('bad', "redis.register_function{function_name='a', callback=function() end, flags={'nope'}}"), library('bad', "redis.register_function{function_name='a', callback=function() end, flags='no-writes'}"), library('bad', "redis.register_function{function_name='a', callback=function() end, description=1}"), library('bad', "redis.register_function{function_name=1, callback=function() end}"),
  ['FUNCTION', 'LOAD', 'x'], ['FUNCTION', 'LOAD', '#!lua\nx'], ['FUNCTION', 'LOAD', '#!lua name=\nx'], ['FUNCTION', 'LOAD', '#!lua name=a name=b\nx'], ['FUNCTION', 'LOAD', '#!lua name=a x=1\nx'], ['FUNCTION', 'LOAD', '#!lua name=a.b\nx'], ['FUNCTION', 'LOAD', '#!js name=a\nx'], ['FUNCTION', 'LOAD', '#!lua name=a'], ['FUNCTION', 'LOAD', ''], ['FUNCTION', 'LOAD', '#!'], ['FUNCTION', 'LOAD', '#!\n'], ['FUNCTION', 'LOAD', '#!LUA name=upper\nredis.register_function("upper1", function() return 1 end)'], ['FUNCTION', 'LIST', 'LIBRARYNAME', 'upper'], ['FUNCTION', 'LOAD', 'nope', 'x'], ['FUNCTION', 'LOAD', 'replace'], ['FUNCTION', 'LOAD'],
  library('errors', "local function boo() error('boo') end redis.register_function('boo', boo) redis.register_function('boo2', function() error({err='MY boo'}) end) redis.register_function('boo3', function() return redis.error_reply('x y') end) redis.register_function('boo4', function() return redis.call('incr','text') end) redis.register_function('boo5', function() x = 1 end) redis.register_function('boo6', function() return y end) redis.register_function('boo7', function() return redis.call('nope') end) redis.register_function('late', function() redis.register_function('q', function() end) end) redis.register_function('compat', function() return redis.breakpoint end) redis.register_function('resp3', function() redis.setresp(3) return redis.call('hgetall','hash') end) redis.register_function('glob', function() return _G.redis ~= nil end) redis.register_function('lib', function() return tostring(math.floor(1.5)) end)"),
  ...['boo', 'boo2', 'boo3', 'boo4', 'boo5', 'boo6', 'boo7', 'late', 'compat', 'resp3', 'glob', 'lib'].map((name): Words => ['FCALL', name, '0']),
  ['FUNCTION', 'RESTORE', 'x'], ['FUNCTION', 'RESTORE', 'x', 'y'], ['FUNCTION', 'RESTORE', 'x', 'flush', 'z'], ['FUNCTION', 'RESTORE'], ['FUNCTION', 'KILL'], ['FUNCTION', 'DELETE', 'x'], ['FUNCTION', 'DELETE', 'errors'], ['FCALL', 'boo', '0'], ['FUNCTION', 'LIST', 'x'], ['FUNCTION', 'LIST', 'LIBRARYNAME'], ['FUNCTION', 'LIST', 'WITHCODE', 'WITHCODE'], ['FUNCTION', 'FLUSH', 'x'], ['FUNCTION', 'FLUSH', 'sync', 'x'], ['FUNCTION', 'NOPE'], ['FUNCTION'], ['FUNCTION', 'FLUSH', 'async'], ['FUNCTION', 'STATS'], ['FUNCTION', 'LIST'], ['FUNCTION', 'DUMP'],
];

/** Everything, to be run in this order; `HELLO` in front chooses the protocol. */
export function collection(): Words[] {
  return [
    ...data,
    ...sources.flatMap((source) => [script(source), script(source, ['text', 'k2'], ['a1', '2'])]),
    ...calls.flatMap((args) => [
      ...data,
      script(`return redis.call(${args})`),
      script(`return redis.pcall(${args})`),
      script(`redis.setresp(3) return redis.call(${args})`),
      script(`local r = redis.pcall(${args}) if type(r) == 'table' then return {type(r), #r, r.ok, r.err} end return type(r)`),
    ]),
    ...data,
    ...misuse,
    ...functions,
  ];
}
