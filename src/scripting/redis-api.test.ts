// The expected texts were taken from redis-server 7.0.15.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { latin1 } from '../base/bytes.js';
import { ReplyWriter } from '../protocol/reply.js';
import { compile } from './lua/compile.js';
import { Engine, Execution } from './lua/engine.js';
import type { LuaTable } from './lua/values.js';
import { errorReply, RedisApi, scriptCallErrors, writeReply } from './redis-api.js';
import type { FunctionDeclaration, ScriptHost } from './redis-api.js';

const encoder = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

const replies: Record<string, string> = {
  ping: '+PONG\r\n',
  incr: ':12\r\n',
  negative: ':-7\r\n',
  nil: '$-1\r\n',
  nilarray: '*-1\r\n',
  empty: '*0\r\n',
  list: '*4\r\n$1\r\na\r\n:2\r\n$-1\r\n*1\r\n+OK\r\n',
  wrong: '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n',
  binary: '$4\r\n\x00\r\n\xff\r\n',
  map: '%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n_\r\n',
  set: '~2\r\n$1\r\na\r\n$1\r\nb\r\n',
  double: ',1.5\r\n',
  inf: ',-inf\r\n',
  true: '#t\r\n',
  false: '#f\r\n',
  big: '(12345678901234567890\r\n',
  verbatim: '=8\r\ntxt:some\r\n',
  null: '_\r\n',
  attribute: '|1\r\n+k\r\n+v\r\n:5\r\n',
};

class FakeHost implements ScriptHost {
  readonly calls: string[][] = [];
  readonly logged: string[] = [];
  readonly version = '7.0.15';
  readonly versionNumber = 0x7000f;
  respVersion = 2;
  replication = 3;

  call(args: readonly string[]): Uint8Array {
    this.calls.push([...args]);
    if (args[0] === 'echo') return encoder(`$${args[1]!.length}\r\n${args[1]!}\r\n`);
    return encoder(replies[args[0]!] ?? `-${scriptCallErrors.unknownCommand}\r\n`);
  }

  log(level: number, message: string): void {
    this.logged.push(`${level} ${message}`);
  }

  mayRun(args: readonly string[]): boolean | undefined {
    return args[0] === 'nosuch' ? undefined : args[0] !== 'forbidden';
  }

  setReplication(flags: number): void {
    this.replication = flags;
  }

  setResp(version: 2 | 3): void {
    this.respVersion = version;
  }

  breakpoint(): boolean {
    return false;
  }

  debug(): void {
    return;
  }
}

function evaluate(source: string, clientResp: 2 | 3 = 2, host = new FakeHost()): string {
  const engine = new Engine({ nowMs: () => 0 });
  const api = new RedisApi(host);
  engine.globals.set('redis', api.table(true));
  engine.protect();
  const run = new Execution(engine, compile(source, '@user_script').bind(engine.globals), [], () => false);
  run.advance(() => true);
  if (run.error !== null) return `-${errorReply(run.error, 'SHA')}\r\n`;
  const reply = new ReplyWriter();
  reply.protocol = clientResp;
  writeReply(reply, run.values[0], api.respVersion);
  return latin1(reply.takeBytes());
}

test('replies become Lua values', () => {
  const show = (command: string): string =>
    evaluate(`redis.setresp(3) return cjson.encode({redis.call("${command}")})`);
  const cases: [string, string][] = [
    ['ping', '[{"ok":"PONG"}]'],
    ['incr', '[12]'],
    ['negative', '[-7]'],
    ['nil', '[false]'],
    ['nilarray', '[false]'],
    ['empty', '[{}]'],
    ['list', '[["a",2,false,[{"ok":"OK"}]]]'],
    ['map', '[{"map":{"a":1}}]'],
    ['set', '[{"set":{"a":true,"b":true}}]'],
    ['double', '[{"double":1.5}]'],
    ['true', '[true]'],
    ['false', '[false]'],
    ['big', '[{"big_number":"12345678901234567890"}]'],
    ['attribute', '[5]'],
    ['null', '{}'],
    ['verbatim', '[{"verbatim_string":{"string":"some","format":"txt"}}]'],
  ];
  for (const [command, expected] of cases)
    assert.equal(show(command), `$${expected.length}\r\n${expected}\r\n`, command);
  assert.equal(evaluate('return redis.call("binary")'), '$4\r\n\x00\r\n\xff\r\n');
  assert.equal(evaluate('return tostring(redis.call("inf").double)'), '$4\r\n-inf\r\n');
});

test('Lua values become replies', () => {
  const cases: [source: string, resp2: string, resp3: string][] = [
    ['return {double=3.5}', '$3\r\n3.5\r\n', ',3.5\r\n'],
    ['return {map={a=1}}', '*2\r\n$1\r\na\r\n:1\r\n', '%1\r\n$1\r\na\r\n:1\r\n'],
    ['return {set={a=true}}', '*1\r\n$1\r\na\r\n', '~1\r\n$1\r\na\r\n'],
    ['return {big_number="12\\r3"}', '$4\r\n12 3\r\n', '(12 3\r\n'],
    ['return {verbatim_string={format="txt",string="abc"}}', '$3\r\nabc\r\n', '=7\r\ntxt:abc\r\n'],
    ['return {verbatim_string={format="txtx",string="abc"}}', '$3\r\nabc\r\n', '=7\r\ntxt:abc\r\n'],
    ['return {verbatim_string={string="abc"}}', '*0\r\n', '*0\r\n'],
    ['return true', ':1\r\n', ':1\r\n'],
    ['return false', '$-1\r\n', '_\r\n'],
    ['return nil', '$-1\r\n', '_\r\n'],
    ['return', '$-1\r\n', '_\r\n'],
    ['redis.setresp(3) return {true,false,nil}', '*2\r\n:1\r\n:0\r\n', '*2\r\n#t\r\n#f\r\n'],
    ['redis.setresp(3) return false', ':0\r\n', '#f\r\n'],
    ['return {double=1/0}', '$3\r\ninf\r\n', ',inf\r\n'],
    ['return {double=0.1}', '$19\r\n0.10000000000000001\r\n', ',0.10000000000000001\r\n'],
    ['return {double=1e100}', '$6\r\n1e+100\r\n', ',1e+100\r\n'],
    ['return {double=-0.5}', '$4\r\n-0.5\r\n', ',-0.5\r\n'],
    ['return {double="x"}', '*0\r\n', '*0\r\n'],
    ['return {map={}}', '*0\r\n', '%0\r\n'],
    ['return {map=1}', '*0\r\n', '*0\r\n'],
    ['return {set={}}', '*0\r\n', '~0\r\n'],
    ['return {double=5,ok="1",err="1"}', '-1\r\n', '-1\r\n'],
    ['return {err=1}', '*0\r\n', '*0\r\n'],
    ['return {ok=5}', '*0\r\n', '*0\r\n'],
    ['return {ok="fine\\r\\nx"}', '+fine  x\r\n', '+fine  x\r\n'],
    ['return {err="bad\\r\\nx"}', '-bad  x\r\n', '-bad  x\r\n'],
    ['return {err="bad\\r\\n\\r\\n"}', '-bad\r\n', '-bad\r\n'],
    ['return {err="bad\\r\\n\\0x"}', '-bad\r\n', '-bad\r\n'],
    ['return {verbatim_string={format="a\\0b",string="abc"}}', '$3\r\nabc\r\n', '=7\r\na  :abc\r\n'],
    ['return {1,2,nil,3}', '*2\r\n:1\r\n:2\r\n', '*2\r\n:1\r\n:2\r\n'],
    [
      'return {1.9,-1.9,"a",true,false}',
      '*5\r\n:1\r\n:-1\r\n$1\r\na\r\n:1\r\n$-1\r\n',
      '*5\r\n:1\r\n:-1\r\n$1\r\na\r\n:1\r\n_\r\n',
    ],
    ['return 1e20', ':-9223372036854775808\r\n', ':-9223372036854775808\r\n'],
    ['return 2^53', ':9007199254740992\r\n', ':9007199254740992\r\n'],
    ['return -0.5', ':0\r\n', ':0\r\n'],
    ['return function() end', '$-1\r\n', '_\r\n'],
    ['return cjson.null', '$-1\r\n', '_\r\n'],
    ['return {{},{{}}}', '*2\r\n*0\r\n*1\r\n*0\r\n', '*2\r\n*0\r\n*1\r\n*0\r\n'],
    ['return redis.status_reply("FINE")', '+FINE\r\n', '+FINE\r\n'],
    ['return redis.error_reply("FOO bar")', '-FOO bar\r\n', '-FOO bar\r\n'],
    ['return redis.error_reply("bar")', '-ERR bar\r\n', '-ERR bar\r\n'],
    ['return redis.error_reply("-My Err")', '-My Err\r\n', '-My Err\r\n'],
    ['return redis.error_reply("FOO \\r\\nbar\\r\\n")', '-FOO bar\r\n', '-FOO bar\r\n'],
    ['return redis.error_reply("\\r\\nbar\\r\\n")', '-ERR bar\r\n', '-ERR bar\r\n'],
    ['return redis.error_reply("\\r\\n")', '-ERR \r\n', '-ERR \r\n'],
    [
      'return redis.error_reply(1)',
      '-ERR wrong number or type of arguments\r\n',
      '-ERR wrong number or type of arguments\r\n',
    ],
  ];
  for (const [source, resp2, resp3] of cases) {
    assert.equal(evaluate(source, 2), resp2, `${source} in RESP2`);
    assert.equal(evaluate(source, 3), resp3, `${source} in RESP3`);
  }
  assert.match(evaluate('local t = {} for i = 1, 10000 do t = {t} end return t'), /-ERR reached lua stack limit\r\n$/);
  assert.match(
    evaluate('local t = {} for i = 1, 10000 do t = {map = {x = t}} end return t'),
    /-ERR reached lua stack limit\r\n$/,
  );
});

test('errors carry the script and the line', () => {
  const place = 'script: SHA, on @user_script:1.\r\n';
  const cases: [source: string, message: string][] = [
    ['return redis.call()', 'ERR Please specify at least one argument for this redis lib call'],
    ['return redis.call("nosuch")', 'ERR Unknown Redis command called from script'],
    ['return redis.call("get", {})', 'ERR Lua redis lib command arguments must be strings or integers'],
    ['return redis.call("wrong")', 'WRONGTYPE Operation against a key holding the wrong kind of value'],
    ['return redis.sha1hex()', 'ERR wrong number of arguments'],
    ['return redis.log()', 'ERR redis.log() requires two arguments or more.'],
    ['return redis.log("x", "y")', 'ERR First argument must be a number (log level).'],
    ['return redis.log(10, "y")', 'ERR Invalid debug level.'],
    ['return redis.setresp(4)', 'ERR RESP version must be 2 or 3.'],
    ['return redis.setresp()', 'ERR redis.setresp() requires one argument.'],
    ['return redis.set_repl(9)', 'ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.'],
    ['return redis.set_repl()', 'ERR redis.set_repl() requires two arguments.'],
    ['return redis.acl_check_cmd("nosuch")', 'ERR Invalid command passed to redis.acl_check_cmd()'],
    ['return redis.acl_check_cmd()', 'ERR Please specify at least one argument for this redis lib call'],
    ['redis.foo = 1', 'ERR user_script:1: Attempt to modify a readonly table'],
    ['error("x")', 'ERR user_script:1: x'],
    ['error()', 'ERR nil'],
    ['error({err = "ERR x"})', 'ERR x'],
    ['error({err = "-x\\0y"})', '-x'],
    ['error("x\\0y")', 'ERR user_script:1: x'],
    ['error({a = 1})', 'ERR unknown error'],
    ['local x = nil + 1', 'ERR user_script:1: attempt to perform arithmetic on a nil value'],
    ['assert(false)', 'ERR user_script:1: assertion failed!'],
    ['cjson.decode("[1,2")', 'ERR user_script:1: Expected comma or array end but found T_END at character 5'],
  ];
  for (const [source, message] of cases) assert.equal(evaluate(source), `-${message} ${place}`, source);
});

test('failed calls can be caught', () => {
  const wrong = 'WRONGTYPE Operation against a key holding the wrong kind of value';
  assert.equal(evaluate('return redis.pcall("wrong")'), `-${wrong}\r\n`);
  assert.equal(
    evaluate('local ok, e = pcall(redis.call, "wrong") return {tostring(ok), type(e), e}'),
    `*3\r\n$5\r\nfalse\r\n$6\r\nstring\r\n$${wrong.length}\r\n${wrong}\r\n`,
  );
  assert.equal(evaluate('local ok, e = pcall(error, {err = "ERR z"}) return e'), '$5\r\nERR z\r\n');
  assert.equal(
    evaluate('return redis.pcall({})'),
    '-ERR Lua redis lib command arguments must be strings or integers\r\n',
  );
});

test('arguments of commands are bytes and numbers', () => {
  const host = new FakeHost();
  evaluate(
    'redis.call("echo", 0.1) redis.call("echo", 3) redis.call("echo", 1e15) redis.call("echo", 2^63) redis.call("echo", "\\0\\255", -1)',
    2,
    host,
  );
  assert.deepEqual(host.calls, [
    ['echo', '0.10000000000000001'],
    ['echo', '3'],
    ['echo', '1000000000000000'],
    ['echo', '9.2233720368547758e+18'],
    ['echo', '\0\xff', '-1'],
  ]);
});

test('the rest of the table does what its name says', () => {
  const host = new FakeHost();
  assert.equal(
    evaluate(
      'redis.log(redis.LOG_WARNING, "a", 5, {}, "b") redis.set_repl(redis.REPL_AOF) redis.setresp(3) return redis.sha1hex(12)',
      2,
      host,
    ),
    '$40\r\n7b52009b64fd0a2a49e6d8a939753077792b0554\r\n',
  );
  assert.deepEqual([host.logged, host.replication, host.respVersion], [['3 a 5 b'], 1, 3]);
  assert.equal(
    evaluate('return {redis.acl_check_cmd("set", "a"), redis.acl_check_cmd("forbidden")}'),
    '*2\r\n:1\r\n$-1\r\n',
  );
  assert.equal(
    evaluate('return {redis.REDIS_VERSION, redis.REDIS_VERSION_NUM, redis.replicate_commands(), redis.breakpoint()}'),
    '*4\r\n$6\r\n7.0.15\r\n:458767\r\n:1\r\n$-1\r\n',
  );
});

function load(source: string): string {
  const engine = new Engine({ nowMs: () => 0 });
  const declared: FunctionDeclaration[] = [];
  const api = new RedisApi(new FakeHost());
  const redis: LuaTable = api.libraryTable((declaration) => declared.push(declaration));
  engine.globals.set('redis', redis);
  engine.protect();
  const run = new Execution(engine, compile(source, '@user_function').bind(engine.globals), [], () => false);
  run.advance(() => true);
  if (run.error !== null) return errorReply(run.error, 'lib');
  return declared.map(({ name, description, flags }) => [name, description, ...flags].join(' ')).join(', ');
}

test('libraries declare functions by position or by name', () => {
  assert.equal(
    load(
      'redis.register_function("a", function() end) redis.register_function{function_name = "b", callback = function() end, description = "does", flags = {"no-writes", "allow-stale"}}',
    ),
    'a , b does no-writes allow-stale',
  );
  const cases: [source: string, message: RegExp][] = [
    [
      'redis.register_function("a")',
      /^ERR calling redis.register_function with a single argument is only applicable to Lua table/,
    ],
    ['redis.register_function()', /^ERR wrong number of arguments to redis.register_function/],
    ['redis.register_function({})', /^ERR redis.register_function must get a function name argument/],
    ['redis.register_function({function_name = "a"})', /^ERR redis.register_function must get a callback argument/],
    [
      'redis.register_function({function_name = "a", callback = 1})',
      /^ERR callback argument given to redis.register_function must be a function/,
    ],
    [
      'redis.register_function({function_name = "a", callback = function() end, x = 1})',
      /^ERR unknown argument given to redis.register_function/,
    ],
    [
      'redis.register_function({function_name = "a", callback = function() end, flags = {"zz"}})',
      /^ERR unknown flag given/,
    ],
    ['redis.register_function({}, function() end)', /^ERR first argument to redis.register_function must be a string/],
    ['redis.register_function("a", 1)', /^ERR second argument to redis.register_function must be a function/],
    ['redis.call("ping")', /^ERR user_function:1: Script attempted to access nonexistent global variable 'call'/],
    [
      'redis.register_function("a b", function() end)',
      /^ERR Library names can only contain letters, numbers, or underscores/,
    ],
  ];
  for (const [source, message] of cases) assert.match(load(source), message, source);
});
