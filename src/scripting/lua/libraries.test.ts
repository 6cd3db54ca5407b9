// The libraries that Redis gives scripts, run by redis-server and here: the same scripts must give the same strings.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Prng } from '../../base/prng.js';
import { peerMissing, startRedis } from '../../../test/peer.js';
import type { RedisPeer } from '../../../test/peer.js';
import { compile } from './compile.js';
import { Engine, Execution } from './engine.js';
import { LuaTable } from './values.js';

const seed = Number(process.env['LUA_SEED'] ?? 77);

function runHere(source: string, args: readonly string[]): string {
  const engine = new Engine({ nowMs: () => 0 });
  const argv = new LuaTable();
  argv.arrange(0, [...args], undefined);
  engine.globals.set('ARGV', argv);
  engine.protect();
  const run = new Execution(engine, compile(source, '@user_script').bind(engine.globals), [], () => false);
  run.advance(() => true);
  assert.equal(run.error?.value, undefined);
  return (run.values[0] as LuaTable).arr.join('\n');
}

/** Addresses and the sign of NaN are no part of a promise. */
function comparable(output: string): string {
  return output.replace(/0x[0-9a-f]{6,}/g, 'ADDRESS').replaceAll('-nan', 'nan');
}

const toHex = `local function hex(s) return (s:gsub('.', function(c) return string.format('%02x', c:byte()) end)) end
local function clean(v) return (tostring(v):gsub('[^ -~]', function(c) return string.format('\\\\%d', c:byte()) end)) end
`;

const cmsgpackScript = String.raw`
local function hex(s) return (s:gsub('.', function(c) return string.format('%02x', c:byte()) end)) end
local r = {}
local function p(...) r[#r+1] = hex(cmsgpack.pack(...)) end
p(1) p(-1) p(127) p(128) p(255) p(256) p(65536) p(4294967296) p(-33) p(-129) p(-40000) p(-3000000000) p(1.5) p(1e300) p(0.1) p('') p('abc') p(('x'):rep(32)) p(('x'):rep(256)) p({1,2}) p({}) p({a=1}) p({[1]=1,[3]=3}) p(true) p(false) p(nil) p(1,2,3) p({1,nil,3}) p(2^53) p(2^63) p(-2^63) p(1e19)
r[#r+1] = cjson.encode({cmsgpack.unpack(cmsgpack.pack(1,'a',{1,2,{b=3}},nil,true))})
r[#r+1] = cjson.encode({cmsgpack.unpack_one(cmsgpack.pack(1,'a'))})
r[#r+1] = cjson.encode({cmsgpack.unpack_one(cmsgpack.pack(1,'a'),1)})
r[#r+1] = cjson.encode({cmsgpack.unpack_limit(cmsgpack.pack(1,'a',3),2)})
r[#r+1] = cjson.encode({cmsgpack.unpack_limit(cmsgpack.pack(1,'a',3),2,1)})
r[#r+1] = cjson.encode({cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),0,1)})
r[#r+1] = cjson.encode({cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),0,3)})
r[#r+1] = cjson.encode({cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),0)})
for _,s in ipairs{'\205\1', '\193', '', '\147\1', '\202\1', '\217', '\161'} do r[#r+1]=tostring((select(2,pcall(cmsgpack.unpack,s)))) end
r[#r+1]=tostring((select(2,pcall(cmsgpack.pack))))
r[#r+1]=tostring((select(2,pcall(cmsgpack.unpack,'\1',{}))))
r[#r+1]=tostring((select(2,pcall(cmsgpack.unpack_one,'\1',5))))
r[#r+1]=tostring((select(2,pcall(cmsgpack.unpack_limit,'\1',-5))))
r[#r+1]=tostring((select(2,pcall(cmsgpack.unpack_one,'\1',-5))))
r[#r+1]=tostring(cmsgpack.unpack('\202\63\128\0\0'))..tostring(cmsgpack.unpack('\211\255\255\255\255\255\255\255\254'))..tostring(cmsgpack.unpack('\207\255\255\255\255\255\255\255\254'))
local t={} for i=1,20 do t={t} end r[#r+1]=hex(cmsgpack.pack(t))
r[#r+1]=hex(cmsgpack.pack(function() end))
return r
`;

const structScript = String.raw`
local function hex(s) return (s:gsub('.', function(c) return string.format('%02x', c:byte()) end)) end
local r = {}
local function p(...) local ok, v = pcall(struct.pack, ...) r[#r+1] = ok and hex(v) or v end
local function u(...) local t = {pcall(struct.unpack, ...)} for i=1,#t do t[i]=tostring(t[i]) end r[#r+1] = table.concat(t,' ') end
p('b',1) p('B',300) p('h',-2) p('>h',-2) p('H',65535) p('l',1) p('L',1) p('i',5) p('I',5) p('i3',-2) p('>I5',1e10) p('i8',-1) p('i33',1) p('f',1.5) p('d',1.5) p('>d',1.5) p('s','abc') p('c3','abcdef') p('c0','abc') p('c5','abc') p('bxb',1,2) p('!4bi',1,2) p('!bd',1,2) p('!8 b l',1,2) p('=I2',258) p('T',9) p('z',1) p('b') p('i','x') p('!3b',1) p('!16bi',1,2) p('<i2>i2',1,1) p('b!2h',1,2) p('I2',-1) p('B',-1) p('i4', 2^40) p(' ',1) p('c',  'abc') p('s', 'a\0b')  p('I0',1) p('Bc0',3,'abc')
u('b','\255') u('B','\255') u('>h','\1\2') u('h','\1\2',1) u('i','\1') u('s','abc\0def') u('s','abc') u('c3','abcdef') u('Bc0','\3abcdef') u('c0','abc') u('d',struct.pack('d',3.25)) u('f',struct.pack('f',0.1)) u('>I5','\0\0\0\1\0') u('l',struct.pack('l',-5)) u('L',struct.pack('L',2^63)) u('b','abc',3) u('b','abc',4) u('b','abc',0) u('b','abc',-1) u('bbb','abc') u('bxb','abc') u('!4bi','a   \1\0\0\0') u('z','a') u('i8','\255\255\255\255\255\255\255\255') u('I8','\255\255\255\255\255\255\255\255') u('c','abc') u('Bc0','\9abc') u('ssb','a\0b\0c') u('c0') u('b')
for _,f in ipairs{'b','h','i','l','T','f','d','bxb','!4bi','i3','s','c0','c10','!8bd','z','c','i33', '!3b'} do local t={pcall(struct.size,f)} r[#r+1]=f..':'..tostring(t[2]) end
return r
`;

const cjsonScript = String.raw`
local r = {}
local function p(...) local t = {...} for i=1,select('#',...) do t[i]=(tostring(t[i]):gsub('[\128-\255]', function(c) return string.format('\\%d', c:byte()) end)) end r[#r+1] = table.concat(t,' | ') end
for _,s in ipairs{'', ' ', '[', ']', '{', '}', '[]', '{}', '[1', '[1,', '[1,]', '[,1]', '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{a:1}', "{'a':1}", '"abc', '"a\\', '"\\u12', '"\\u12g4"', '"\\ud800"', '"\\ud800\\u0041"', '"\\udc00"', '"\\u0000"', '"\\x"', '"a\nb"', 'nul', 'null', 'nulls', 'true', 'tru', 'truefalse', 'false', '1', '-1', '+1', '1.', '.5', '-', '--1', '1e5', '1e', '1e+', '01', '-01', '0x1F', '0x', '1 2', 'nan', 'NaN', '-nan', 'inf', '-inf', 'Infinity', '-Infinity', 'infx', '1x', '[1 2]', '{"a" 1}', '{"a":1 "b":2}', '{1:2}', '{"a":1}}', '[[[[1]]]]', '\t\n\r [ 1 , 2 ] \n', '\v1', '"\127"', '"\1"', '"a\0b"', '{"a":{"b":[1,{"c":null}]}}', '/', '[1,2', '"\\/\\b\\f\\n\\r\\t\\"\\\\"', '1e400', '-1e400', '123456789012345678901234567890', 'i', 'n', 'N', 'I', '-x', '.','1.5.5', '1-1', '\239\187\191[]', 'False', '"\\uD83D\\uDE00"', '"\\u00e9\\u20ac"', '[1]]','{"":1}','[true,false,null]', '[-0]', '-0', '0.1', '1E5', '1e05'} do
  local ok, v = pcall(cjson.decode, s)
  if ok and type(v)=='table' then v = 'T:'..cjson.encode(v) end
  if type(v)=='string' then v = v:gsub('[%c\128-\255]', function(c) return string.format('\\%d', c:byte()) end) end
  p(s:gsub('[%c\128-\255]', function(c) return string.format('\\%d', c:byte()) end), ok, v)
end
for _,v in ipairs{1, -1, 0.1, 1e15, 1e14, 123456.789e3, 1/3, 2^53, 1e-5, 1e100, -0.5, 100, 1e21, 5e-324} do p('enc', cjson.encode(v)) end
p('keys', cjson.encode({[1.5]=1}), cjson.encode({['1']=1}), cjson.encode({[-1]=1}), cjson.encode({[0]=1}), cjson.encode({1,2,nil,4}), cjson.encode({nil,2}), cjson.encode({[2]=1}),  cjson.encode({[10]=1}))
p(pcall(cjson.encode, {[11]=1})) p(pcall(cjson.encode, {[21]=1, [1]=1})) p(pcall(cjson.encode, {1,2,3,4,5,6,[13]=1}))
p(cjson.encode_sparse_array()) p(cjson.encode_sparse_array(true)) p(pcall(cjson.encode, {[100]=1})) p(cjson.encode_sparse_array(false, 2, 10)) p(cjson.encode_sparse_array(true, 1, 5)) p(cjson.encode({[7]=1})) p(pcall(cjson.encode_sparse_array, 'x')) p(pcall(cjson.encode_sparse_array, true, -1)) p(pcall(cjson.encode_sparse_array, true, 1, 1, 1)) p(cjson.encode_sparse_array(false,2,10))
p(cjson.encode_max_depth()) p(cjson.encode_max_depth(3)) p(pcall(cjson.encode, {{{1}}})) p(pcall(cjson.encode, {{{{1}}}})) p(cjson.encode_max_depth(1000)) p(pcall(cjson.encode_max_depth, 0)) p(pcall(cjson.encode_max_depth, 'a'))
p(cjson.decode_max_depth(2)) p(pcall(cjson.decode, '[[1]]')) p(pcall(cjson.decode, '[[[1]]]')) p(pcall(cjson.decode, '{"a":{"b":{}}}')) cjson.decode_max_depth(1000)
p(cjson.encode_number_precision()) p(cjson.encode_number_precision(3)) p(cjson.encode(1/3), cjson.encode(12345)) cjson.encode_number_precision(14) p(pcall(cjson.encode_number_precision, 15)) p(pcall(cjson.encode_number_precision, 0))
p(cjson.encode_invalid_numbers()) p(cjson.encode_invalid_numbers('null')) p(cjson.encode(0/0), cjson.encode(1/0)) p(cjson.encode_invalid_numbers(true)) p(cjson.encode(1/0), cjson.encode(-1/0)) p(cjson.encode_invalid_numbers(false)) p(pcall(cjson.encode_invalid_numbers,'zz'))
p(cjson.decode_invalid_numbers()) p(cjson.decode_invalid_numbers(false)) for _,s in ipairs{'nan','inf','-inf','0x10','-0x10','01','-01','0','-0','0.5','00','+1','.5','Infinity','NaN','1','-'} do p('dinv', s, pcall(cjson.decode, s)) end cjson.decode_invalid_numbers(true)
p(cjson.encode_keep_buffer()) p(cjson.encode_keep_buffer(false)) p(cjson.encode_keep_buffer(true)) p(pcall(cjson.encode)) p(pcall(cjson.encode,1,2)) p(pcall(cjson.decode, 5)) p(pcall(cjson.decode, {})) p(pcall(cjson.decode,'1','2'))
p(cjson.encode('\0\1\31\127\128\255"\\/\b\f\n\r\t')) p(cjson.encode(cjson.null), cjson.encode({cjson.null}), tostring(cjson.decode('null')==cjson.null)) p((pcall(cjson.encode, {[{}]=1}))) p(pcall(cjson.encode, coroutine.create(function() end)))
p(math.random(), math.random(10), math.random(5,7)) math.randomseed(42) p(math.random(), math.random(1000000)) math.randomseed(-1) p(math.random()) math.randomseed(2^40+3) p(math.random()) math.randomseed(1.9) p(math.random()) p(pcall(math.random,1,2,3)) p(math.random(-5,5))
p(bit.band(0xFFFFFFFF, 0xF0F0), bit.bor(1,2,4), bit.bxor(-1, 5), bit.bnot(0), bit.tobit(0xFFFFFFFF), bit.tobit(2^40+5), bit.tobit(-2^31-1), bit.tobit(1.5), bit.tobit(2.5), bit.tobit(-1.5), bit.lshift(1,31), bit.rshift(-1,28), bit.arshift(-256,4), bit.rol(0x12345678,12), bit.ror(0x12345678,12), bit.bswap(0x12345678), bit.tohex(255), bit.tohex(255,4), bit.tohex(-1,-8), bit.tohex(255,-2), bit.tohex(1,0), bit.lshift(1,33), bit.rshift(1,-1), bit.tobit(1e15+0.5))
p(pcall(bit.band)) p(pcall(bit.band,'x')) p(bit.band('7',3)) p(pcall(bit.tobit,{})) p(bit.tohex(123,100), bit.tohex(123,-100))
p(pcall(string.rep,'x',-1))
return r
`;

class Documents {
  constructor(private readonly prng: Prng) {}

  /** JSON; an object has one field at most, for its order is nobody's promise. */
  json(depth: number): string {
    const { prng } = this;
    switch (prng.below(depth > 0 ? 9 : 6)) {
      case 0:
        return prng.pick(['null', 'true', 'false']);
      case 1:
        return String(prng.below(2 ** 31) - 2 ** 30);
      case 2:
        return String((prng.unit() - 0.5) * 10 ** (prng.below(40) - 20));
      case 3:
        return prng.pick([
          '0',
          '-1',
          '1e3',
          '1.5E-7',
          '4294967296',
          '-2147483649',
          '9007199254740993',
          '1e19',
          '255',
          '65536',
          '0.1',
        ]);
      case 4:
      case 5:
        return this.text();
      case 6:
        return `{${this.text()}:${this.json(depth - 1)}}`;
      default:
        return `[${Array.from({ length: prng.below(20) }, () => this.json(depth - 1)).join(prng.pick([',', ' , ']))}]`;
    }
  }

  private text(): string {
    const { prng } = this;
    const pieces = [
      'a',
      'bc',
      ' ',
      '\\\\',
      '\\"',
      '\\n',
      '\\u00e9',
      '\\ud83d\\ude00',
      '\\/',
      'x'.repeat(prng.below(300)),
      '0',
    ];
    return `"${Array.from({ length: prng.below(5) }, () => prng.pick(pieces)).join('')}"`;
  }

  /** A document with a few bytes changed, cut or doubled. */
  broken(): string {
    const { prng } = this;
    let text = this.json(3);
    for (let count = prng.below(3) + 1; count > 0 && text.length > 0; count--) {
      const at = prng.below(text.length);
      switch (prng.below(3)) {
        case 0:
          text =
            text.slice(0, at) +
            prng.pick(['"', '{', '}', '[', ']', ',', ':', '1', 'e', '-', 'x', ' ', 'null']) +
            text.slice(at + 1);
          break;
        case 1:
          text = text.slice(0, at);
          break;
        default:
          text = text.slice(0, at) + text.slice(at - 1);
      }
    }
    return text;
  }

  structFormat(): string {
    const { prng } = this;
    const options = [
      'b',
      'B',
      'h',
      'H',
      'l',
      'L',
      'i',
      'I',
      'i2',
      'I3',
      'i7',
      'f',
      'd',
      's',
      'c0',
      'c3',
      'x',
      '>',
      '<',
      '!',
      '!2',
      '!8',
      'T',
      ' ',
      'z',
      '!3',
    ];
    return Array.from({ length: prng.below(6) + 1 }, () => prng.pick(options)).join('');
  }

  bytes(): string {
    return Array.from({ length: this.prng.below(30) }, () => this.prng.below(256).toString(16).padStart(2, '0')).join(
      '',
    );
  }
}

describe('libraries against redis-server', { skip: peerMissing('redis-server', 'redis-cli') }, () => {
  let redis: RedisPeer;
  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.stop());

  async function compare(source: string, args: readonly string[] = []): Promise<void> {
    const expected = await redis.send('EVAL', source, '0', ...args);
    assert.equal(comparable(runHere(source, args)), comparable(expected), `LUA_SEED=${seed}`);
  }

  test('cmsgpack', () => compare(cmsgpackScript));
  test('struct', () => compare(structScript));
  test('cjson, math.random and bit', () => compare(cjsonScript));

  const documents = new Documents(new Prng(seed));
  test('random documents through cjson and cmsgpack', () =>
    compare(
      `${toHex}local r = {} for i, text in ipairs(ARGV) do local v = cjson.decode(text) r[#r + 1] = clean(cjson.encode(v))
      r[#r + 1] = hex(cmsgpack.pack(v)) r[#r + 1] = clean(cjson.encode(cmsgpack.unpack(cmsgpack.pack(v)))) end return r`,
      Array.from({ length: 200 }, () => documents.json(4)),
    ));
  test('broken documents give the same errors', () =>
    compare(
      `${toHex}local r = {} for i, text in ipairs(ARGV) do local ok, v = pcall(cjson.decode, text)
      r[#r + 1] = clean(text) .. ' ' .. tostring(ok) .. (ok and '' or clean(v)) end return r`,
      Array.from({ length: 500 }, () => documents.broken()),
    ));
  test('random struct formats', () =>
    compare(
      `${toHex}local r = {} for i, f in ipairs(ARGV) do local ok, v = pcall(struct.pack, f, i, -i, 'abcd', i * 1000, 1.5, 'xyz', 7, 8, 9)
      r[#r + 1] = f .. ' ' .. tostring(ok) .. ' ' .. (ok and hex(v) or v) r[#r + 1] = clean(select(2, pcall(struct.size, f)))
      local u = {pcall(struct.unpack, f, '\\5\\0\\1\\2\\3abcdefghijklmnop\\0qrst\\255\\254\\253' .. f)} for k = 1, #u do u[k] = clean(u[k]) end
      r[#r + 1] = table.concat(u, ' ') end return r`,
      Array.from({ length: 300 }, () => documents.structFormat()),
    ));
  test('random bytes through cmsgpack.unpack', () =>
    compare(
      `${toHex}local r = {} for i, h in ipairs(ARGV) do local s = h:gsub('..', function(x) return string.char(tonumber(x, 16)) end)
      local u = {pcall(cmsgpack.unpack_limit, s, 2)} for k = 1, #u do u[k] = type(u[k]) == 'table' and 'table' or clean(u[k]) end
      r[#r + 1] = h .. ' ' .. table.concat(u, ' ') end return r`,
      Array.from({ length: 500 }, () => documents.bytes()),
    ));
});
