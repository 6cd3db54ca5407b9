import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { compile } from './compile.js';
import { Engine, Execution } from './engine.js';
import { runLua } from './harness.js';
import { native } from './native.js';
import { LuaError, LuaTable } from './values.js';

function prints(source: string): string {
  const { output } = runLua(source);
  assert.equal(runLua(source, { isFrantic: true }).output, output, `parked at every step: ${source}`);
  return output.trimEnd();
}

function engineWith(isProtected = true): Engine {
  const engine = new Engine({ nowMs: () => 1500 });
  if (isProtected) engine.protect();
  return engine;
}

function fails(source: string): LuaError {
  const engine = engineWith();
  const run = new Execution(engine, compile(source, '@user_script').bind(engine.globals), []);
  assert.equal(
    run.advance(() => true),
    'failed',
    source,
  );
  return run.error!;
}

test('closures capture a fresh variable in every turn of a loop', () => {
  assert.equal(
    prints(
      'local f = {} for i = 1, 3 do local c = i f[i] = function() c = c + 10 i = i + 1 return c, i end end f[1]() print(f[1]()) print(f[2]())',
    ),
    '21\t3\n12\t3',
  );
});

test('assignments evaluate before they store', () => {
  assert.equal(prints('local i, t = 1, {} i, t[i] = i + 1, 20 print(i, t[1], t[2])'), '2\t20\tnil');
  assert.equal(prints('local a, b = 1, 2 a, b = b, a print(a, b)'), '2\t1');
});

test('results are cut and filled as calls need them', () => {
  assert.equal(
    prints(
      'local function f() return 1, 2, 3 end print(f(), f()) print((f())) print(({f(), f()})[5] == nil, #{f(), f()})',
    ),
    '1\t1\t2\t3\n1\ntrue\t4',
  );
  assert.equal(
    prints('local function f() end print(select("#", f()), select("#", (f())), select("#", nil, f()))'),
    '0\t1\t1',
  );
});

test('the places of a constructor win over its keys, nils too', () => {
  assert.equal(prints('local t = {nil, 2, [1] = 7} print(t[1], t[2], #t)'), 'nil\t2\t2');
  assert.equal(
    prints('local t = {[1] = 7, [2] = 8, [3] = 9, [4] = 10, 1, nil} print(t[1], t[2], t[3], t[4])'),
    '1\tnil\t9\t10',
  );
});

test('a number stays a number in sums of locals that inference took for numbers', () => {
  assert.equal(
    prints(
      'local s = 0 for i = 1, 10 do s = s + i * 2 end local t = s s = s / 4 print(s, t) local x = 1 x = x + "2" print(x)',
    ),
    '27.5\t110\n3',
  );
  assert.equal(
    prints('local x = 1 local y = x y = "a" x = y print(pcall(function() return x + 1 end))'),
    "false\ttest.lua:1: attempt to perform arithmetic on upvalue 'x' (a string value)",
  );
});

test('metamethods may be parked', () => {
  const loop = 'local n = 0 for i = 1, 300 do n = n + 1 end';
  const meta = `setmetatable({}, {__index = function() ${loop} return n end, __add = function() ${loop} return n, 2 end,
    __lt = function() ${loop} return false end, __eq = function() ${loop} return true end, __concat = function() ${loop} return "c" end,
    __call = function() ${loop} return n, 5 end, __newindex = function(t, k, v) ${loop} rawset(t, k, v) end, __unm = function() ${loop} return n end})`;
  assert.equal(
    prints(
      `local a = ${meta} local b = setmetatable({}, getmetatable(a)) a.y = 4 print(a.x, a + 1, a < b, a <= b, a > b, a == b, a ~= b, "x" .. 1 .. a .. "z", a(), -a, rawget(a, "y"))`,
    ),
    '300\t300\tfalse\ttrue\tfalse\ttrue\tfalse\tx1c\t300\t300\t4',
  );
});

test('sort, gsub, pcall, xpcall, foreach and load may be parked inside their callbacks', () => {
  const loop = 'for i = 1, 200 do end';
  assert.equal(
    prints(
      `local t = {5, 2, 8, 1, 9, 3} table.sort(t, function(a, b) ${loop} return a < b end) print(table.concat(t, ","))`,
    ),
    '1,2,3,5,8,9',
  );
  assert.equal(prints(`print(("a b c"):gsub("%w", function(w) ${loop} return w .. w end))`), 'aa bb cc\t3');
  assert.equal(
    prints(`print(("a b"):gsub("%w", setmetatable({}, {__index = function(t, k) ${loop} return k .. "!" end})))`),
    'a! b!\t2',
  );
  assert.equal(
    prints(`print(xpcall(function() ${loop} error("x") end, function(m) ${loop} return m .. "!" end))`),
    'false\ttest.lua:1: x!',
  );
  assert.equal(prints(`print(table.foreach({4, 5}, function(k, v) ${loop} if k == 2 then return v end end))`), '5');
  assert.equal(prints(`local n = 0 print(load(function() ${loop} n = n + 1 return ({"return ", "4"})[n] end)())`), '4');
});

test('coroutines nest, yield across slices, and tell their state', () => {
  const source = `local co = coroutine.wrap(function(a) local inner = coroutine.create(function() for i = 1, 3 do coroutine.yield(i) end return "end" end)
    for i = 1, 5 do local ok, v = coroutine.resume(inner) a = a .. tostring(v) .. coroutine.status(inner) coroutine.yield(a) end end)
    for i = 1, 5 do print(co("s")) end`;
  assert.match(prints(source), /s1suspended2suspended3suspendedenddeadcannot resume dead coroutinedead$/);
  assert.equal(prints('print(pcall(coroutine.yield))'), 'false\tattempt to yield across metamethod/C-call boundary');
  assert.equal(
    prints('local co co = coroutine.create(function() return coroutine.resume(co) end) print(coroutine.resume(co))'),
    'true\tfalse\tcannot resume non-suspended coroutine',
  );
});

test('recursion of any kind ends in an error that can be caught', () => {
  assert.equal(
    runLua('local function f(n) return 1 + f(n + 1) end print(pcall(f, 1))').output,
    'false\ttest.lua:1: stack overflow\n',
  );
  for (const source of [
    'local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k .. "x"] end print(pcall(function() return t.x end))',
    'local t = setmetatable({}, {}) getmetatable(t).__tostring = function(t) return tostring(t) .. "" end print(pcall(tostring, t))',
    'local t = setmetatable({}, {}) getmetatable(t).__call = t print(pcall(function() return t() end))',
    'local function f() return pcall(f) and 1 end print(pcall(f))',
    'local function f(s) return (s:gsub(".", f)) .. "" end print(pcall(f, "abc"))',
    'local function f() local co = coroutine.wrap(f) co() return 1 end print(pcall(f))',
    'local function f(a, b) table.sort({1, 2, 3}, f) return a < b end print(pcall(f, 1, 2))',
    'local t = {} t.__index = t setmetatable(t, t) print(pcall(function() return t.x end))',
  ]) {
    assert.match(runLua(source).output, /^(true|false)/, source);
  }
});

test('calls from native functions and metamethods nest 200 deep, as in PUC Lua, also when parked', () => {
  const overflow = 'false\tC stack overflow';
  const overflowAtLine = 'false\ttest.lua:1: C stack overflow';
  const recursion = (body: string): string => `local n = 0 local function f(a, b) n = n + 1 ${body} end`;
  const cases: [source: string, expected: string][] = [
    ['print(pcall(tostring, setmetatable({}, {__tostring = function(s) return tostring(s) end})))', overflow],
    [
      'local t = setmetatable({}, {__index = function(t, k) return t[k] end}) print(pcall(function() return t.x end))',
      overflowAtLine,
    ],
    [
      'local t = setmetatable({}, {__newindex = function(t, k, v) t[k] = v end}) print(pcall(function() t.x = 1 end))',
      overflowAtLine,
    ],
    [
      'local t = setmetatable({}, {__add = function(a, b) return a + b end}) print(pcall(function() return t + t end))',
      overflowAtLine,
    ],
    [
      'local t = setmetatable({}, {__concat = function(a, b) return a .. b end}) print(pcall(function() return t .. t end))',
      overflowAtLine,
    ],
    [
      'local t = setmetatable({}, {__lt = function(a, b) return a < b end}) print(pcall(function() return t < t end))',
      overflowAtLine,
    ],
    [`${recursion('return pcall(f)')} f() print(n > 150 and n < 200)`, 'true'],
    [`${recursion("return (('x'):gsub('x', f))")} print(pcall(f))`, overflow],
    [`${recursion('table.sort({1, 2}, f) return false')} print(pcall(f))`, overflow],
    [`${recursion('return table.foreach({1}, f)')} print(pcall(f))`, overflow],
    [`${recursion('return coroutine.wrap(f)()')} pcall(f) print(n > 150 and n < 201)`, 'true'],
  ];
  for (const [source, expected] of cases) {
    for (const isFrantic of [false, true]) assert.equal(runLua(source, { isFrantic }).output, `${expected}\n`, source);
  }
});

test('coroutines are limited by memory alone', () => {
  assert.equal(
    runLua(
      `local t = {} for i = 1, 25000 do t[i] = coroutine.create(function(a) return a + coroutine.yield(a) end) coroutine.resume(t[i], i) end
      local s = 0 for i = 1, 25000 do local _, v = coroutine.resume(t[i], 1) s = s + v end print(s)
      print(coroutine.resume(coroutine.create(function() local function f(n) return 1 + f(n + 1) end return f(1) end)))`,
    ).output,
    '312537500\nfalse\ttest.lua:3: stack overflow\n',
  );
});

test('lists of arguments, however long, leave room for deep recursion', () => {
  for (const count of [0, 1, 10, 200, 4000]) {
    const list = `local a = {} for i = 1, ${count} do a[i] = i end `;
    const passed = (body: string): string =>
      `local function d(n, ...) if n == 0 then return select('#', ...) end ${body} end `;
    for (const [source, result] of [
      [`${passed('return (d(n - 1, ...))')}print(d(9000, unpack(a)))`, count],
      ['local function d(n) if n == 0 then return 0 end return 1 + d(n - 1, unpack(a)) end print(d(9000))', 9000],
      [`${passed('local _, v = pcall(d, n - 1, ...) return v')}print(d(150, unpack(a)))`, count],
      [
        `${passed('return coroutine.wrap(function(...) return (d(n - 1, ...)) end)(...)')}print(d(150, unpack(a)))`,
        count,
      ],
      [
        'local o = setmetatable({}, {__call = function(self, n) if n == 0 then return 0 end return 1 + self(n - 1, unpack(a)) end}) print(o(180))',
        180,
      ],
    ] as const)
      assert.equal(runLua(list + source).output, `${result}\n`, `${count} arguments: ${source}`);
  }
});

/** Deep recursion of many kinds, with what it prints. The first uses up the stack, after which more of it may be used. */
function deepPrograms(): (readonly [source: string, output: string])[] {
  const programs: [string, string][] = [
    ['local function d(n) if n == 0 then return 0 end return 1 + d(n - 1) end print(d(15000))', '15000'],
    ['local function d(n) if n == 0 then return "end" end return d(n - 1) end print(d(200000))', 'end'],
  ];
  for (const count of [1, 10, 60, 200]) {
    const list = Array.from({ length: count }, () => 'n').join(', ');
    for (const parameters of ['', 'm', list.replaceAll('n', 'm')]) {
      programs.push([
        `local n = 0 local function d(${parameters}) n = n + 1 if n == 9000 then return 0 end return 1 + d(${list}) end print(d())`,
        '8999',
      ]);
    }
  }
  // Natives that take much stack themselves.
  const levels = 990;
  for (const [value, callee] of [
    [`string.rep('[', ${levels}) .. string.rep(']', ${levels})`, 'cjson.decode'],
    [`{} for i = 1, ${levels} do s = {a = s} end`, 'cjson.encode'],
    [`string.rep('\\145', ${levels}) .. '\\1'`, 'cmsgpack.unpack'],
    [`string.rep('\\145', ${levels}) .. '\\1'`, 'cmsgpack.unpack_one'],
    [`'return ' .. string.rep('(', 150) .. '1' .. string.rep(')', 150)`, 'loadstring'],
  ] as const) {
    const prepare = `local s = ${value} local function use() ${callee}(s) assert(pcall(${callee}, s)) end `;
    programs.push(
      [
        `${prepare}local function d(n) if n % 97 == 0 then use() end if n == 0 then return 0 end return 1 + d(n - 1) end print(d(7000))`,
        '7000',
      ],
      [
        `${prepare}local function d(n) if n == 0 then use() return 0 end return 1 + d(n - 1) end print(coroutine.wrap(function() return d(4400) + d(2600) end)())`,
        '7000',
      ],
    );
  }
  const failing = 'local function d(n) if n == 0 then return (cjson.decode("{")) end return 1 + d(n - 1) end';
  const message = 'test.lua:1: Expected object key string but found T_END at character 2';
  programs.push([`${failing} print(pcall(d, 10)) print(pcall(d, 4500))`, `false\t${message}\nfalse\t${message}`]);
  return programs;
}

test('recursion as deep as PUC Lua allows works, whatever the functions hold and call', () => {
  for (const [source, output] of deepPrograms()) assert.equal(runLua(source).output, `${output}\n`, source);
});

test('deep recursion works in code that V8 does not optimise, which takes the most stack', () => {
  const harness = new URL('harness.js', import.meta.url).href;
  const program = `import { runLua } from ${JSON.stringify(harness)};
    process.stdout.write(JSON.stringify(${JSON.stringify(deepPrograms())}.map(([source]) => runLua(source).output)));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--jitless', '--input-type=module', '--eval', program], {
    encoding: 'utf8',
  });
  assert.notEqual(stdout, '', stderr);
  const outputs = JSON.parse(stdout) as string[];
  deepPrograms().forEach(([source, output], at) => assert.equal(outputs[at], `${output}\n`, source));
});

test('nothing holds the process: every endless script can be killed', () => {
  for (const source of [
    'while true do end',
    'repeat until false',
    'for i = 1, math.huge do end',
    'local function f() return f() end f()',
    'while true do pcall(error, "x") end',
    'while true do pcall(function() while true do end end) end',
    'setmetatable({}, {__index = function() while true do end end}).x = nil local t = setmetatable({}, {__index = function() while true do end end}) print(t.x)',
    'table.sort({1, 2, 3}, function() while true do end end)',
    '("x"):gsub(".", function() while true do end end)',
    'coroutine.wrap(function() while true do end end)()',
    'local co = coroutine.wrap(function() while true do coroutine.yield() end end) while true do co() end',
    'xpcall(error, function() while true do end end)',
    'load(function() while true do end end)',
    'load(function() return " " end)',
    'for k in function() return 1 end do end',
    'local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end fib(100)',
    'while true do local ok = pcall(string.rep, "x", 1e9) end',
  ]) {
    const { output, suspensions } = runLua(source, { looksMax: 20 });
    assert.equal(output, 'killed\n', source);
    assert.ok(suspensions > 0, source);
  }
});

test('memory hogs get an error', () => {
  assert.equal(runLua('print(pcall(string.rep, "x", 1e10))').output, 'false\tresulting string too large\n');
  assert.match(
    runLua('local s = "x" print(pcall(function() while true do s = s .. s end end))').output,
    /^false\t.*string length overflow/,
  );
  assert.match(runLua('print(pcall(unpack, {}, 1, 1e8))').output, /^false\ttoo many results to unpack/);
  assert.match(runLua('print(pcall(string.byte, ("x"):rep(100000), 1, -1))').output, /^false\tstring slice too long/);
  assert.match(runLua('print(pcall(string.format, "%99999d", 1))').output, /^false\tinvalid format/);
  const engine = engineWith();
  const run = new Execution(
    engine,
    compile('local t = {} while true do t[#t + 1] = {} end', '@s').bind(engine.globals),
    [],
    () => true,
  );
  assert.equal(
    run.advance(() => true),
    'failed',
  );
  assert.equal(run.error!.value, 'not enough memory');
});

test('a pattern may match as long and as deep as it likes, is parked meanwhile, and can be killed', () => {
  assert.equal(
    runLua(
      'print(#string.gsub(string.rep(" ", 5000) .. "x", "%s+$", "")) print(string.find(string.rep("a", 10000), "^.-.-b"))',
    ).output,
    '5001\nnil\n',
  );
  assert.equal(runLua('print(string.find(("a"):rep(100000), "^.-b"))', { looksMax: 1e6 }).output, 'nil\n');
  assert.equal(
    runLua('print(pcall(string.find, ("("):rep(40000), ("("):rep(40000)))').output,
    'false\ttoo many captures\n',
  );
  for (const call of ['find(s, p)', 'match(s, p)', 'gsub(s, p, "")', 'gmatch(s, p)()']) {
    const { output, suspensions } = runLua(
      `local s, p = ("a"):rep(5000), ("a*"):rep(30) .. "b" print(string.${call})`,
      { looksMax: 20 },
    );
    assert.equal(output, 'killed\n', call);
    assert.ok(suspensions > 0, call);
  }
});

test('sorting with an order that contradicts itself is an error', () => {
  const { output } = runLua(
    'local t = {} for i = 1, 100 do t[i] = i % 7 end print(pcall(table.sort, t, function(a, b) return true end))',
  );
  assert.match(output, /^false\t(invalid order function for sorting|.*attempt to compare)/);
});

test('the sandbox holds', () => {
  assert.equal(
    fails('return foo').value,
    `user_script:1: Script attempted to access nonexistent global variable 'foo'`,
  );
  assert.equal(fails('foo = 1').value, 'user_script:1: Attempt to modify a readonly table');
  for (const source of [
    'string.x = 1',
    '_G.x = 1',
    'getmetatable("").__index.x = 1',
    'getmetatable("").__index = nil',
    'cjson.encode = nil',
    'rawset(_G, "x", 1)',
    'setmetatable(_G, {})',
    'table.insert(string, 1)',
    'setmetatable(string, {})',
  ]) {
    assert.match(String(fails(source).value), /Attempt to modify a readonly table/, source);
  }
  for (const name of [
    'print',
    'dofile',
    'loadfile',
    'require',
    'module',
    'io',
    'debug',
    'package',
    'getfenv',
    'setfenv',
    'newproxy',
    'constructor',
    '__proto__',
    'process',
  ]) {
    assert.match(String(fails(`return ${name}`).value), /nonexistent global/, name);
  }
  assert.equal(
    runLua('local t = {} print(t.constructor, t.__proto__, ("").constructor, t.hasOwnProperty, rawget(t, "toString"))')
      .output,
    'nil\tnil\tnil\tnil\tnil\n',
  );
  assert.equal(
    runLua('local t = {__proto__ = 5, constructor = 6} print(t.__proto__, t.constructor, t.toString)').output,
    '5\t6\tnil\n',
  );
  assert.equal(
    runLua('print(loadstring("\\27Lua"))').output,
    'nil\t[string "\x1bLua"]:1: unexpected symbol near \'char(27)\'\n',
  );
  assert.equal(runLua('print(pcall(string.dump, print))').output, 'false\tunable to dump given function\n');
  // Names and strings that would end a JavaScript literal.
  assert.equal(
    runLua('local a = "\\"+process.exit()+`${1}`\\\\\\n" print(#a, (a:gsub("%W", "")))').output,
    '25\tprocessexit1\n',
  );
});

test('source nested beyond reason is refused', () => {
  for (const source of [
    `x = ${'('.repeat(100_000)}`,
    `x = ${'{'.repeat(100_000)}`,
    'do '.repeat(100_000),
    `x = ${'-'.repeat(3)}\n${'not '.repeat(100_000)}`,
    `x = ${'function() return '.repeat(5000)}`,
  ]) {
    assert.match(runLua(source).output, /too many syntax levels|unexpected symbol|too many/, source.slice(0, 20));
  }
  assert.match(
    runLua(`x = ${Array.from({ length: 10_000 }, () => '"a"').join('..')}`).output,
    /too many syntax levels/,
  );
});

test('endless chains are refused or run, and never break the process', () => {
  const times = (count: number, piece: string): string => Array.from({ length: count }, () => piece).join('');
  for (const count of [100, 3000, 60_000]) {
    assert.match(runLua(`print(1${times(count, ' + 1')})`).output, /^\d+\n$|too complex/);
    assert.match(runLua(`if x then ${times(count, 'elseif x then ')}end print(1)`).output, /^1\n$|too complex/);
    assert.match(runLua(`local t = {} print(t${times(count, '.x')})`).output, /attempt to index field 'x'|too complex/);
    assert.match(
      runLua(`print({${times(count, '1,')}}[1])`.replace('({', '(({').replace('}[1]', '})[1]')).output,
      /^1\n$/,
    );
    assert.match(
      runLua(`local function f() return f end f()${times(count, '()')} print(1)`).output,
      /^1\n$|too complex/,
    );
    assert.match(runLua(`${times(count, 'x = 1 ')}print(x)`).output, /^1\n$/);
  }
});

test('a string is bytes', () => {
  assert.equal(runLua('local s = "\\0\\255\\128" print(#s, s:byte(1, -1))').output, '3\t0\t255\t128\n');
  assert.equal(
    runLua('print(#"\xc3\xa9", ("\xc3\xa9"):upper() == "\xc3\xa9", "a\\0b" < "a\\0c", "\xff" > "a")').output,
    '2\ttrue\ttrue\ttrue\n',
  );
});

test('a host runs, resumes and passes values', () => {
  const engine = engineWith(false);
  const seen: unknown[] = [];
  engine.globals.set(
    'host',
    native((...args) => {
      seen.push(...args);
      if (args[0] === 'fail') throw new LuaError('from the host', 1);
      return [1, 'two'];
    }),
  );
  const main = compile(
    'local a, b = ... for i = 1, 5000 do host(i) end local ok, e = pcall(function() host("fail") end) return a, b, e, select(2, host())',
    '@user_script',
  ).bind(engine.globals);
  const run = new Execution(engine, main, ['x', new LuaTable()]);
  let slices = 0;
  while (run.advance(() => false) === 'suspended') slices++;
  assert.equal(run.state, 'done');
  assert.deepEqual([run.values[0], run.values[2], run.values[3]], ['x', 'user_script:1: from the host', 'two']);
  assert.equal(seen.length, 5001);
  assert.ok(slices >= 0);
});

test('runs may overlap', () => {
  const engine = engineWith();
  const main = compile('local n = 0 for i = 1, 200000 do n = n + 1 end return n', '@s').bind(engine.globals);
  const runs = [1, 2, 3].map(() => new Execution(engine, main, []));
  for (let left = 3; left > 0;) {
    left = 0;
    for (const run of runs) if (run.advance(() => false) === 'suspended') left++;
  }
  assert.deepEqual(
    runs.map((run) => run.values[0]),
    [200_000, 200_000, 200_000],
  );
});

test('the place of an error is known', () => {
  const error = fails('local x = 1\nlocal function f()\n  error({err = "boom"})\nend\nf()');
  assert.deepEqual(error.where, { chunk: 'user_script', line: 3 });
});

test('table traversal allows clearing and finds every key once', () => {
  assert.equal(
    prints(
      'local t = {} for i = 1, 20 do t[i] = i t["k" .. i] = i end local n = 0 for k in pairs(t) do n = n + 1 t[k] = nil end print(n, next(t))',
    ),
    '40\tnil',
  );
  assert.equal(
    prints(
      'local t = {1, 2, 3, x = 1} local k, n = nil, 0 repeat k = next(t, k) if k then n = n + 1 t[k] = nil end until not k print(n)',
    ),
    '4',
  );
  assert.equal(
    prints(
      'local t = {} for i = 10, 1, -1 do t[i] = i end print(#t, table.concat(t, ",")) t[5] = nil t[12] = 1 t[11] = 1 print(t[12], #t >= 4)',
    ),
    '10\t1,2,3,4,5,6,7,8,9,10\n1\ttrue',
  );
});
