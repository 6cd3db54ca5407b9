// random-script: scripts made by chance: they call commands on a few keys, turn the replies about and return them.
import { Prng } from '../../src/base/prng.js';
import type { Words } from '../differential/side-by-side.js';

const keys = ['KEYS[1]', 'KEYS[2]', 'KEYS[3]'];
const values = [
  'ARGV[1]',
  'ARGV[2]',
  "'7'",
  '3',
  '1.5',
  "'text'",
  "'a\\0b'",
  "'a b\\r\\n'",
  '-2',
  '#KEYS',
  'tostring(#ARGV)',
  '10/4',
  '2^31',
];

function callArguments(prng: Prng): string {
  const key = prng.pick(keys);
  const value = (): string => prng.pick(values);
  return prng.pick([
    () => `'set',${key},${value()}`,
    () => `'get',${key}`,
    () => `'incr',${key}`,
    () => `'incrby',${key},${value()}`,
    () => `'append',${key},${value()}`,
    () => `'del',${key}`,
    () => `'exists',${key},${prng.pick(keys)}`,
    () => `'lpush',${key},${value()},${value()}`,
    () => `'lrange',${key},0,-1`,
    () => `'rpop',${key}`,
    () => `'llen',${key}`,
    () => `'hset',${key},${value()},${value()}`,
    () => `'hget',${key},${value()}`,
    () => `'hlen',${key}`,
    () => `'sadd',${key},${value()}`,
    () => `'sismember',${key},${value()}`,
    () => `'scard',${key}`,
    () => `'zadd',${key},${prng.pick(['1', '2.5', '-1'])},${value()}`,
    () => `'zscore',${key},${value()}`,
    () => `'zrange',${key},0,-1,'withscores'`,
    () => `'type',${key}`,
    () => `'strlen',${key}`,
    () => `'setrange',${key},${prng.below(5)},${value()}`,
    () => `'getrange',${key},0,2`,
    () => `'mget',${keys.join(',')}`,
    () => `'ping',${value()}`,
    () => `'persist',${key}`,
    () => `'rename',${key},${prng.pick(keys)}`,
    () => `'nope',${key}`,
    () => `'hgetall',${key}`,
    () => `'smembers',${key}`,
    () => `'zrange',${key},0,0,'withscores'`,
    () => `'zincrby',${key},'0.5',${value()}`,
    () => `'incrbyfloat',${key},'0.1'`,
    () => `'xadd',${key},'1-1','f',${value()}`,
    () => `'xrange',${key},'-','+'`,
    () => `'lpop',${key},2`,
    () => `'set',${key},${value()},'get'`,
    () => `'getbit',${key},1`,
    () => `'select',0`,
    () => `'get'`,
    () => `'get',${value()},${value()}`,
  ])();
}

function expression(prng: Prng, depth: number): string {
  if (depth <= 0 || prng.chance(20))
    return prng.pick([
      ...values,
      'nil',
      'true',
      'false',
      'x',
      'y',
      'ARGV[9]',
      `redis.pcall(${callArguments(prng)})`,
      `redis.pcall(${callArguments(prng)})`,
    ]);
  const inner = (): string => expression(prng, depth - 1);
  return prng.pick([
    () => `{${inner()},${inner()}}`,
    () => `{${inner()},${inner()},a=${inner()}}`,
    () => `tostring(${inner()} == ${inner()})`,
    () => `(${inner()} or ${inner()})`,
    () => `(${inner()} and ${inner()})`,
    () => `type(${inner()})`,
    () => `#tostring(${prng.pick(values)})`,
    () => `redis.pcall(${callArguments(prng)})`,
    () => `redis.call(${callArguments(prng)})`,
    () => `select(2,pcall(redis.call,${callArguments(prng)}))`,
    () => `tonumber(${prng.pick(values)})`,
    () => `redis.status_reply(${prng.pick(values)})`,
    () => `redis.error_reply(${prng.pick(values)})`,
    () => `cjson.encode({${prng.pick(values)},${prng.pick(values)}})`,
    () => `(${prng.pick(values)} .. ${prng.pick(values)})`,
    () => `(${prng.pick(values)} + ${prng.pick(values)})`,
    () => `{ok=${inner()}}`,
    () => `{err=${prng.pick(values)}}`,
    () => `{map={[${prng.pick(values)}]=${inner()}}}`,
    () => `{set={[${prng.pick(values)}]=true}}`,
    () => `{double=${prng.pick(['1', '0.1', '-2.5e10', '1/3', '1e300', '-1/0', "'1'"])}}`,
    () => `{big_number=${prng.pick(["'123456789012345678901234567890'", '5', "'x'"])}}`,
    () => `{verbatim_string={string=${prng.pick(values)},format=${prng.pick(["'txt'", "'mkdn'", "'a'", '5', 'nil'])}}}`,
    () => `string.format(${prng.pick(["'%d'", "'%s'", "'%5.2f'", "'%q'", "'%x'", "'%g'", "'%i|%%'"])}, ${inner()})`,
    () => `string.rep(${prng.pick(values)}, ${prng.below(4)})`,
    () => `table.concat({${prng.pick(values)},${prng.pick(values)},${inner()}}, ',')`,
    () => `(${prng.pick(values)}):upper()`,
    () => `unpack({${prng.pick(values)},${inner()}})`,
    () => `cjson.encode(${inner()})`,
    () => `cjson.decode(${prng.pick(["'[1,2,{}]'", '\'{"a":1.5}\'', "'null'", "'[null,true]'", "'{'", 'ARGV[1]'])})`,
    () => `redis.sha1hex(${inner()})`,
    () => `#cmsgpack.pack(${prng.pick(values)})`,
    () => `({${inner()}})[1]`,
    () => `(function() return ${inner()} end)()`,
    () => `select('#', ${inner()}, ${inner()})`,
    () => `(${inner()} .. '')`,
    () => `-(${inner()})`,
    () => `#(${inner()})`,
    () => `not ${inner()}`,
  ])();
}

function statement(prng: Prng): string {
  return prng.pick([
    () => `redis.call(${callArguments(prng)})`,
    () => `redis.pcall(${callArguments(prng)})`,
    () => `x = ${expression(prng, 1)}`,
    () => `y = ${expression(prng, 2)}`,
    () => `for i = 1, ${prng.below(4)} do redis.pcall(${callArguments(prng)}) end`,
    () => `if ${expression(prng, 1)} then x = redis.pcall(${callArguments(prng)}) end`,
    () => `redis.setresp(${prng.pick(['2', '3'])})`,
    () =>
      `if y == ${prng.pick(values)} then error(${prng.pick(["'bad'", "'bad', 0", "'bad', 2", '{err="CODE text"}', '{err="text"}', 'nil', '42', "redis.error_reply('OOPS no')", "'with\nlines'"])}) end`,
    () =>
      `if x == ${prng.pick(values)} then local z = ${prng.pick(['nothing', 'x.a.b', 'x + {}', 'y()', 'x < {}', '#nil', "('s').x.y", 'redis.nope()', 'KEYS[9].x', 'assert(false)', "assert(nil, 'why')", 'tonumber({})', 'string.rep()', 'redis.call()', 'redis.call({})', "redis.call('get', {})", 'setmetatable({}, 5)', "math.floor('x')", 'redis.setresp(4)', 'redis.log()', "redis.log(9, 'x')", 'cjson.encode(function() end)', "struct.pack('z')", 'bit.band()', 'redis.set_repl(9)', "loadstring('x=')()", "loadstring('return 5')()"])} end`,
    () =>
      `x = select(2, pcall(function() ${prng.pick(["error('in')", "error({err='E in'})", 'return 5', `return redis.call(${callArguments(prng)})`, 'local a = nil + 1', 'return nothing'])} end))`,
    () =>
      `local function f(a)\n ${prng.pick(["error('deep')", "error('deep', 2)", 'return a.b.c', `return redis.call(${callArguments(prng)})`, 'return a'])}\nend\ny = f(${expression(prng, 1)})`,
    () => `if type(x) == 'table' then y = x[1] or x.err or x.ok end`,
  ])();
}

function source(prng: Prng): string {
  const lines = [prng.chance(10) ? '' : 'local x, y'];
  for (let count = prng.below(6); count > 0; count--) lines.push(statement(prng));
  lines.push(`return ${expression(prng, 3)}`);
  return lines.join('\n');
}

/** Commands that run generated scripts, with a look at the data now and then. None raises a table without `err`: redis-server 7.0 crashes of it. */
export function randomScripts(seed: number, count: number): Words[] {
  const prng = new Prng(seed);
  const commands: Words[] = [['FLUSHALL']];
  for (let index = 0; index < count; index++) {
    const names = ['k1', 'k2', 'k3'];
    commands.push([
      prng.chance(10) ? 'EVAL_RO' : 'EVAL',
      source(prng),
      '3',
      ...names,
      prng.pick(['1', 'word', '', '5.5']),
      prng.pick(['2', 'other', '\xff']),
    ]);
    if (prng.chance(10)) for (const name of names) commands.push(['TYPE', name], ['STRLEN', name]);
    if (prng.chance(3)) commands.push(['FLUSHALL']);
  }
  return commands;
}
