// random-program: seeded Lua programs for comparing engines. They do arithmetic, strings, tables, closures, metatables,
// coroutines, varargs and errors of every kind, and print all they see.
//
// Left out is what engines may differ in: the order of hash keys, addresses, the sign of NaN, and operand names in messages
// about the result of `and` and `or`.
import type { Prng } from '../../base/prng.js';

const prelude = [
  'local function show(v) local t = type(v) if t == "number" then if v ~= v then return "NaN" end return tostring(v)',
  'elseif t == "table" or t == "function" or t == "thread" then return t elseif t == "string" then return "<" .. v .. ">" end return tostring(v) end',
  'local function out(...) local r = {} for i = 1, select("#", ...) do r[i] = show((select(i, ...))) end print(table.concat(r, " ")) end',
  'local M = {} M.__index = M M.__add = function(a, b) return 7 end M.__concat = function(a, b) return "cat" end',
  'M.__eq = function(a, b) return true end M.__lt = function(a, b) return true end M.__le = function(a, b) return false end',
  'M.__call = function(self, ...) return select("#", ...), ... end M.__unm = function() return "neg" end M.__tostring = function() return "obj" end',
  'M.__newindex = function(t, k, v) rawset(t, k, v) end M.__len = function() return 99 end function M:get(n) return n end',
  'local obj, obj2 = setmetatable({}, M), setmetatable({}, M)',
];

const formats = [
  '%d',
  '%5d',
  '%-5d|',
  '%05d',
  '%x',
  '%g',
  '%.3f',
  '%e',
  '%5.1f',
  '%s',
  '%q',
  '%10s',
  '%.2s',
  '%c',
  '%i',
  '%u',
  '%%',
  '%+d',
  '%#x',
  '%G',
];
const patterns = [
  'a',
  '%a+',
  '(%w)(%w)',
  '^%s*(.-)%s*$',
  '[a-c]',
  '[^a-c]+',
  '%d+',
  '.-b',
  '()b()',
  '%b()',
  '%f[%w]%w+',
  'x*',
  'a?b',
  '(a(b?))',
  '%',
  '[a',
  '(a',
  '%1',
  '.',
];
const words = ['abc', 'hello world', '10', '0x1F', '', ' 5 ', 'a(b)c', 'xyzzy', '1e2', 'b', 'one\\001byte', 'line\\n'];

export class RandomProgram {
  private readonly lines: string[] = [];
  private names: string[] = ['obj', 'obj2'];
  private nameCount = 0;
  private loopDepth = 0;
  private functionDepth = 0;

  constructor(private readonly prng: Prng) {}

  private number(): string {
    const { prng } = this;
    switch (prng.below(6)) {
      case 0:
        return String(prng.below(10) + 1);
      case 1:
        return String(prng.below(100000) / 100 + 0.25);
      case 2:
        return `-${prng.below(50) + 1}`;
      case 3:
        return prng.pick(['1e15', '2^53', '1e300', '0.1', '123456789012', '1/3', '255', '4294967296']);
      default:
        return String(prng.below(20) + 1);
    }
  }

  private word(): string {
    return `"${this.prng.pick(words)}"`;
  }

  /** An expression; operands are never `and` or `or`. */
  private expression(depth: number): string {
    const { prng } = this;
    if (depth <= 0 || prng.chance(25)) {
      switch (prng.below(8)) {
        case 0:
        case 1:
          return this.number();
        case 2:
          return this.word();
        case 3:
          return prng.pick(['nil', 'true', 'false']);
        case 4:
          return prng.pick(['missing', 'global1', 'global2']);
        default:
          return prng.pick(this.names);
      }
    }
    const inner = (): string => this.expression(depth - 1);
    switch (prng.below(17)) {
      case 0:
      case 1:
      case 2:
        return `(${inner()} ${prng.pick(['+', '-', '*', '/', '%', '^'])} ${inner()})`;
      case 3:
        return `(${inner()} .. ${inner()})`;
      case 4:
        return `(${inner()} ${prng.pick(['==', '~=', '<', '<=', '>', '>='])} ${inner()})`;
      case 5:
        return `(not ${inner()})`;
      case 6:
        return `#${prng.chance(50) ? this.word() : prng.pick(this.names)}`;
      case 7:
        return `(- ${inner()})`;
      case 8:
        return `{${inner()}, ${inner()}, x = ${inner()}, [${prng.below(5) + 1}] = ${inner()}}`;
      case 9:
        return `${prng.pick(this.names)}.x`;
      case 10:
        return `${prng.pick(this.names)}[${inner()}]`;
      case 11:
        return `${prng.pick(this.names)}(${inner()}, ${inner()})`;
      case 12:
        return `tostring(${prng.pick([this.number(), this.word(), 'nil', 'obj'])})`;
      case 13:
        return `tonumber(${inner()})`;
      case 14:
        return this.libraryCall(depth);
      case 15:
        return `select(${prng.pick(['"#"', '1', '2', '-1'])}, ${inner()}, ${inner()})`;
      default:
        return `${prng.pick(this.names)}:get(${inner()})`;
    }
  }

  private libraryCall(depth: number): string {
    const { prng } = this;
    const inner = (): string => this.expression(depth - 1);
    switch (prng.below(16)) {
      case 0:
        return `string.format("${prng.pick(formats)}", ${inner()})`;
      case 1:
        return `string.find(${this.word()}, "${prng.pick(patterns)}")`;
      case 2:
        return `string.match(${this.word()}, "${prng.pick(patterns)}", ${prng.below(4)})`;
      case 3:
        return `string.gsub(${this.word()}, "${prng.pick(patterns)}", ${prng.pick([this.word(), '"<%0>"', '"%1"', 'string.upper', '{a = 1, b = "q"}', this.number()])})`;
      case 4:
        return `string.sub(${this.word()}, ${prng.below(9) - 4}, ${prng.below(9) - 4})`;
      case 5:
        return `string.rep(${this.word()}, ${prng.below(4)})`;
      case 6:
        return `string.byte(${this.word()}, ${prng.below(5) - 1}, ${prng.below(5) - 1})`;
      case 7:
        return `math.${prng.pick(['floor', 'ceil', 'abs', 'sqrt', 'max', 'min', 'fmod', 'modf'])}(${inner()}, ${inner()})`;
      case 8:
        return `table.concat({${this.number()}, ${this.word()}, ${inner()}}, ${this.word()})`;
      case 9:
        return `rawget(${inner()}, ${inner()})`;
      case 10:
        return `type(${inner()})`;
      case 11:
        return `unpack({${inner()}, ${inner()}, ${inner()}})`;
      case 12:
        return `rawequal(${inner()}, ${inner()})`;
      case 13:
        return `string.upper(${inner()})`;
      case 14:
        return `tonumber(${this.word()}, ${prng.pick(['2', '8', '10', '16', '36'])})`;
      default:
        return `next({${inner()}})`;
    }
  }

  /** A value: an expression, or a choice between two. */
  private value(depth: number): string {
    const { prng } = this;
    if (!prng.chance(20)) return this.expression(depth);
    return `${this.expression(depth - 1)} ${prng.pick(['and', 'or'])} ${this.expression(depth - 1)}`;
  }

  private newName(): string {
    return `v${++this.nameCount}`;
  }

  private emit(line: string): void {
    this.lines.push(line);
  }

  private scoped(write: () => void): void {
    const { names } = this;
    this.names = [...names];
    write();
    this.names = names;
  }

  private block(count: number): void {
    this.scoped(() => {
      for (let at = 0; at < count; at++) this.statement();
    });
  }

  private statement(): void {
    const { prng } = this;
    const isDeep = this.loopDepth + this.functionDepth > 3;
    switch (prng.below(isDeep ? 7 : 18)) {
      case 0:
      case 1: {
        const name = this.newName();
        this.emit(`local ${name} = ${this.value(3)}`);
        this.names.push(name);
        break;
      }
      case 2:
        this.emit(`${prng.pick(this.names)} = ${this.value(2)}`);
        break;
      case 3:
        this.emit(`out(${this.value(3)})`);
        break;
      case 4:
        this.emit(`global${prng.below(2) + 1} = ${this.value(2)}`);
        break;
      case 5:
        this.emit(`${prng.pick(this.names)}.x = ${this.value(2)}`);
        break;
      case 6: {
        const [a, b] = [prng.pick(this.names), prng.pick(this.names)];
        this.emit(`${a}, ${b} = ${this.expression(2)}, ${this.expression(2)}`);
        break;
      }
      case 7:
        this.emit(`if ${this.value(2)} then`);
        this.block(2);
        if (prng.chance(50)) {
          this.emit(`elseif ${this.value(2)} then`);
          this.block(1);
        }
        if (prng.chance(50)) {
          this.emit('else');
          this.block(2);
        }
        this.emit('end');
        break;
      case 8:
        this.loop(
          `for i = ${prng.below(3) + 1}, ${prng.below(6)}, ${prng.pick(['1', '2', '0.5', '-1'])} do`,
          'i',
          'end',
        );
        break;
      case 9:
        this.loop(
          `for k, w in ipairs({${this.expression(1)}, ${this.expression(1)}, ${this.number()}}) do`,
          'w',
          'end',
        );
        break;
      case 10: {
        const counter = this.newName();
        this.emit(`local ${counter} = 0`);
        this.loop(`while ${counter} < ${prng.below(4) + 1} do ${counter} = ${counter} + 1`, null, 'end');
        break;
      }
      case 11: {
        const counter = this.newName();
        this.emit(`local ${counter} = 0`);
        this.loop(`repeat ${counter} = ${counter} + 1`, null, `until ${counter} >= ${prng.below(4) + 1}`);
        break;
      }
      case 12:
        this.functionStatement();
        break;
      case 13:
      case 14:
        this.protectedBlock();
        break;
      case 15:
        this.coroutine();
        break;
      case 16:
        this.sorting();
        break;
      default:
        this.closures();
    }
  }

  private loop(open: string, name: string | null, close: string): void {
    this.emit(open);
    this.loopDepth++;
    this.scoped(() => {
      if (name !== null) this.names.push(name);
      for (let at = 0; at < 2; at++) this.statement();
      if (this.prng.chance(20)) this.emit(`if ${this.expression(1)} then break end`);
    });
    this.loopDepth--;
    this.emit(close);
  }

  private functionStatement(): void {
    const { prng } = this;
    const name = this.newName();
    const isVararg = prng.chance(40);
    this.emit(`local function ${name}(a, b${isVararg ? ', ...' : ''})`);
    this.functionDepth++;
    this.scoped(() => {
      this.names.push('a', 'b');
      for (let at = 0; at < 3; at++) this.statement();
      if (isVararg) this.emit('out(select("#", ...), ...)');
      this.emit(
        prng.chance(50) ? `return ${this.value(2)}, ${this.value(1)}` : `return ${isVararg ? '...' : this.value(2)}`,
      );
    });
    this.functionDepth--;
    this.emit('end');
    this.emit(`out(pcall(${name}, ${this.expression(1)}, ${this.expression(1)}, ${this.expression(1)}))`);
    this.names.push(name);
  }

  private protectedBlock(): void {
    const { prng } = this;
    this.emit('out(pcall(function()');
    this.functionDepth++;
    this.scoped(() => {
      for (let at = 0; at < 3; at++) this.statement();
      if (prng.chance(40))
        this.emit(`if true then error(${prng.pick([this.word(), this.number(), 'nil'])}, ${prng.below(3)}) end`);
      this.emit(`return ${this.value(2)}`);
    });
    this.functionDepth--;
    this.emit('end))');
  }

  private coroutine(): void {
    const { prng } = this;
    const name = this.newName();
    this.emit(`local ${name} = coroutine.create(function(a, b)`);
    this.functionDepth++;
    this.scoped(() => {
      this.names.push('a', 'b');
      for (let at = 0; at < 2; at++) {
        this.statement();
        this.emit(`out(coroutine.yield(${this.expression(1)}, ${at}))`);
      }
      this.emit(`return ${this.value(2)}`);
    });
    this.functionDepth--;
    this.emit('end)');
    const times = prng.below(4) + 1;
    for (let at = 0; at < times; at++)
      this.emit(`out(coroutine.resume(${name}, ${this.expression(1)}), coroutine.status(${name}))`);
  }

  private sorting(): void {
    const { prng } = this;
    const items = Array.from({ length: prng.below(12) }, () => String(prng.below(30)));
    if (prng.chance(10)) items.push(this.word());
    const order = prng.pick([
      '',
      ', function(p, q) return p > q end',
      ', function(p, q) return p % 5 < q % 5 end',
      ', function(p, q) return true end',
    ]);
    this.emit(`do local s = {${items.join(', ')}} out(pcall(table.sort, s${order})) out(unpack(s)) end`);
  }

  private closures(): void {
    const { prng } = this;
    const name = this.newName();
    this.emit(`local ${name} = {}`);
    this.emit(
      `for i = 1, ${prng.below(3) + 1} do local c = i * 2 ${name}[i] = function(d) c = c + d i = i + 1 return c, i end end`,
    );
    this.emit(`for _, f in ipairs(${name}) do out(f(${prng.below(5)})) out(f(1)) end`);
  }

  /** The program's text. */
  write(): string {
    this.lines.push(...prelude);
    // The top level keeps within Lua's 200 locals.
    for (let at = 0; at < 25; at++) {
      if (this.prng.chance(60)) this.protectedBlock();
      else this.statement();
    }
    return `${this.lines.join('\n')}\n`;
  }
}
