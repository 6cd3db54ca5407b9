// random-loops: seeded Lua programs of loops, for comparing engines and for parking a run in the middle of them.
//
// Where random-program throws everything at everything and most of its blocks end in an error, these programs are well typed and
// run to their end: loops of every kind in one another, left by `break`, `return` and errors, with closures over their
// variables, inside coroutines that yield in the middle, in metamethods, in callbacks of natives and with varargs. Every
// value is a number, so that a local that was lost or an iteration that ran twice shows in what is printed.
//
// Left out: yields through natives, metamethods and iterators, which PUC Lua 5.1 refuses; the sign of zero, which it loses
// where a function has both constants.
import type { Prng } from '../../base/prng.js';

const depthMax = 4;

/** The statements that are allowed at this place of the program. */
interface Context {
  readonly isInLoop: boolean;
  /** The values that a `return` may give: an iterator's function ends its loop with it. */
  readonly returned: 'numbers' | 'nil' | null;
  readonly mayYield: boolean;
  readonly hasVarargs: boolean;
}

export class RandomLoops {
  private readonly lines: string[] = [];
  /** Names in sight: numbers, numbers that end a loop and are only read, closures that give a number, functions of two
   *  numbers, lists of numbers, objects with metamethods. */
  private numbers: string[] = [];
  private turns: string[] = [];
  private counters: string[] = [];
  private functions: string[] = [];
  private lists: string[] = [];
  private objects: string[] = [];
  private nameCount = 0;
  private depth = 0;
  private context: Context = { isInLoop: false, returned: null, mayYield: false, hasVarargs: false };

  constructor(private readonly prng: Prng) {}

  private emit(line: string): void {
    this.lines.push(line);
  }

  private name(letter: string): string {
    return `${letter}${++this.nameCount}`;
  }

  /** Names that `write` brings into sight go again; what the text may do is changed meanwhile. */
  private scoped(change: Partial<Context>, write: () => void): void {
    const { numbers, turns, counters, functions, lists, objects, context } = this;
    this.numbers = [...numbers];
    this.turns = [...turns];
    this.counters = [...counters];
    this.functions = [...functions];
    this.lists = [...lists];
    this.objects = [...objects];
    this.context = { ...context, ...change };
    this.depth++;
    write();
    this.depth--;
    Object.assign(this, { numbers, turns, counters, functions, lists, objects, context });
  }

  /** Functions call none of those around them, so that the work does not double from each to the next. */
  private inFunction(change: Partial<Context>, write: () => void): void {
    this.scoped({ isInLoop: false, returned: 'numbers', mayYield: false, hasVarargs: false, ...change }, () => {
      this.functions = [];
      write();
    });
  }

  // -- expressions, all of numbers

  private atom(): string {
    const { prng } = this;
    if (prng.chance(30)) return String(prng.below(9) + 1);
    return prng.pick(this.turns.length > 0 && prng.chance(20) ? this.turns : this.numbers);
  }

  private expression(depth: number): string {
    const { prng } = this;
    if (depth <= 0 || prng.chance(30)) return this.atom();
    const inner = (): string => this.expression(depth - 1);
    switch (prng.below(14)) {
      case 0:
      case 1:
      case 2:
        return `(${inner()} ${prng.pick(['+', '-', '*'])} ${inner()})`;
      case 3:
        return `(${inner()} % ${prng.below(7) + 2})`;
      case 4:
        return `(- ${inner()})`;
      case 5:
        return `(${this.condition(depth - 1)} and ${inner()} or ${inner()})`;
      case 6:
        return this.counters.length === 0 ? inner() : `${prng.pick(this.counters)}()`;
      case 7:
      case 8:
        return this.functions.length === 0 || this.depth > 3
          ? inner()
          : `(${prng.pick(this.functions)}(${inner()}, ${inner()}))`;
      case 9:
        return this.lists.length === 0 ? inner() : `#${prng.pick(this.lists)}`;
      case 10: {
        if (this.lists.length === 0) return inner();
        const list = prng.pick(this.lists);
        return `(${list}[${inner()} % 4 + 1] or ${inner()})`;
      }
      case 11: {
        if (this.objects.length === 0) return inner();
        const object = prng.pick(this.objects);
        return prng.pick([
          `${object}:add(${inner()})`,
          `(${object} + ${inner()})`,
          `(-${object})`,
          `${object}[${inner()} % 5]`,
          `${object}(${inner()})`,
        ]);
      }
      case 12:
        return this.context.mayYield ? `(coroutine.yield(${inner()}, ${inner()}) or ${inner()})` : inner();
      default:
        return this.context.hasVarargs
          ? `(${prng.pick(['... or 1', 'select("#", ...)', 'select(-1, 1, ...)'])})`
          : `#(${inner()} + 0 .. "")`;
    }
  }

  private condition(depth: number): string {
    const { prng } = this;
    if (this.objects.length > 0 && prng.chance(10)) {
      return `${prng.pick(this.objects)} ${prng.pick(['<', '<=', '>', '>=', '==', '~='])} ${prng.pick(this.objects)}`;
    }
    if (depth > 0 && prng.chance(20))
      return `(${this.condition(depth - 1)} ${prng.pick(['and', 'or'])} ${prng.chance(20) ? 'not ' : ''}(${this.condition(depth - 1)}))`;
    return `${this.expression(depth)} ${prng.pick(['<', '<=', '>', '>=', '==', '~='])} ${this.expression(depth)}`;
  }

  // -- statements

  private block(count: number): void {
    for (let at = 0; at < count; at++) this.statement();
  }

  private statement(): void {
    const { prng } = this;
    const isDeep = this.depth >= depthMax;
    switch (prng.below(isDeep ? 10 : 26 - 2 * this.depth)) {
      case 0:
      case 1: {
        const name = this.name('n');
        this.emit(`local ${name} = ${this.expression(2)}`);
        this.numbers.push(name);
        break;
      }
      case 2:
      case 3:
        this.assignment();
        break;
      case 4:
        this.emit(`out(${this.nameCount}, ${this.expression(2)}, ${this.expression(1)})`);
        break;
      case 5:
        if (this.lists.length > 0) {
          const list = prng.pick(this.lists);
          this.emit(`${list}[#${list} % 6 + 1] = ${this.expression(2)}`);
        } else this.assignment();
        break;
      case 6:
        this.leave();
        break;
      case 7:
        this.counter();
        break;
      case 8:
        if (this.context.mayYield) this.emit(`out(coroutine.yield(${this.expression(1)}, ${this.expression(1)}))`);
        else this.emit(`out(${this.expression(2)})`);
        break;
      case 9: {
        const name = this.name('l');
        this.emit(`local ${name} = {${this.expression(1)}, ${this.expression(1)}, (${this.expression(1)})}`);
        this.lists.push(name);
        break;
      }
      case 10:
      case 11:
        this.emit(`if ${this.condition(1)} then`);
        this.scoped({}, () => this.block(2));
        if (prng.chance(50)) {
          this.emit(prng.chance(30) ? `elseif ${this.condition(1)} then` : 'else');
          this.scoped({}, () => this.block(2));
        }
        this.emit('end');
        break;
      case 12:
        this.function();
        break;
      case 13:
        this.coroutine();
        break;
      case 14:
        this.protectedBlock();
        break;
      case 15:
        if (prng.chance(50)) this.object();
        else this.callback();
        break;
      default:
        this.loop();
    }
  }

  private assignment(): void {
    const { prng } = this;
    const [a, b] = [prng.pick(this.numbers), prng.pick(this.numbers)];
    if (prng.chance(70)) this.emit(`${a} = ${this.expression(2)} % 997`);
    else this.emit(`${a}, ${b} = ${b} % 89, ${this.expression(1)} % 97`);
  }

  /** A way out of the loop or the function. */
  private leave(): void {
    const { prng, context } = this;
    const ways: string[] = [];
    if (context.isInLoop) ways.push('break');
    if (context.returned === 'nil') ways.push('return nil');
    if (context.returned === 'numbers') {
      ways.push(`return ${this.expression(1)}`, `return ${this.expression(1)}, ${this.expression(1)}`);
      if (this.functions.length > 0)
        ways.push(`return ${prng.pick(this.functions)}(${this.expression(1)}, ${this.expression(1)})`);
    }
    if (ways.length === 0) return this.assignment();
    const way = prng.pick(ways);
    if (prng.chance(10)) this.emit(`do ${way} end`);
    else this.emit(`if ${this.condition(1)} then ${way} end`);
  }

  /** A closure over numbers in sight, which it may change. */
  private counter(): void {
    const { prng } = this;
    const name = this.name('c');
    const number = prng.pick(this.numbers);
    const step = prng.below(3) + 1;
    if (prng.chance(60))
      this.emit(`local ${name} = function() ${number} = (${number} + ${step}) % 61 return ${number} end`);
    else this.emit(`local ${name} = function() return ${number} * ${step} end`);
    this.counters.push(name);
    // Closures of every turn of a loop, called when the loop is over.
    if (prng.chance(30)) this.emit(`kept[#kept + 1] = ${name}`);
  }

  private loop(): void {
    const { prng } = this;
    const body = (numbers: string[], turns: string[] = [], head: string | null = null): void =>
      this.scoped({ isInLoop: true }, () => {
        this.numbers.push(...numbers);
        this.turns.push(...turns);
        if (head !== null) this.emit(head);
        this.block(prng.below(3) + 1);
      });
    switch (prng.below(9)) {
      case 0: {
        const name = this.name('i');
        this.emit(`for ${name} = ${prng.below(3) + 1}, ${prng.below(6) + 1}${prng.pick(['', '', ', 2', ', 0.5'])} do`);
        body([name]);
        this.emit('end');
        break;
      }
      case 1: {
        const name = this.name('i');
        this.emit(`for ${name} = ${this.expression(1)} % 5, ${prng.pick([`${this.expression(1)} % 5`, '0'])}, -1 do`);
        body([name]);
        this.emit('end');
        break;
      }
      case 2: {
        const name = this.name('i');
        this.emit(
          `for ${name} = ${prng.pick(['"1"', '1', `#${this.word()}`])}, ${this.expression(2)} % 5, ${this.expression(1)} % 3 + 1 do`,
        );
        body([name]);
        this.emit('end');
        break;
      }
      case 3: {
        const [key, item] = [this.name('k'), this.name('w')];
        const list =
          this.lists.length > 0 && prng.chance(40)
            ? prng.pick(this.lists)
            : `{${this.expression(1)}, ${this.expression(1)}, ${this.expression(1)}}`;
        this.emit(`for ${key}, ${item} in ${prng.pick(['ipairs', 'pairs'])}(${list}) do`);
        body([key, item]);
        this.emit('end');
        break;
      }
      case 4: {
        const [key, item] = [this.name('k'), this.name('w')];
        // Its own iterator, with a loop inside.
        this.emit(
          `for ${key}, ${item} in function(s, c) for j = 1, 2 do c = c + 1 if c > s then return nil end if j == s % 2 + 1 then break end end return c, c * s end, ${prng.below(5) + 1}, 0 do`,
        );
        body([key, item]);
        this.emit('end');
        break;
      }
      case 5: {
        const turn = this.name('n');
        this.emit(`local ${turn} = 0`);
        this.emit(`while ${turn} < ${prng.below(4) + 1} and ${this.condition(1)} do`);
        body([], [turn], `${turn} = ${turn} + 1`);
        this.emit('end');
        break;
      }
      case 6: {
        const [turn, inner] = [this.name('n'), this.name('n')];
        this.emit(`local ${turn} = 0 repeat ${turn} = ${turn} + 1 local ${inner} = ${turn} * 2`);
        body([inner], [turn]);
        this.emit(`until ${turn} >= ${prng.below(4) + 1} or ${inner} > ${this.expression(1)}`);
        break;
      }
      case 7: {
        const turn = this.name('n');
        this.emit(
          `local ${turn} = 0 while true do ${turn} = ${turn} + 1 if ${turn} > ${prng.below(4) + 1} then break end`,
        );
        body([], [turn]);
        this.emit('end');
        break;
      }
      default: {
        const [first, second] = [this.name('y'), this.name('y')];
        this.emit(`for ${first}, ${second} in coroutine.wrap(function(a, b)`);
        this.coroutineBody('nil');
        this.emit('end) do');
        body([first, second], [], `${second} = ${second} or 1`);
        this.emit('end');
      }
    }
  }

  private word(): string {
    return `"${'x'.repeat(this.prng.below(4))}"`;
  }

  private function(): void {
    const { prng } = this;
    const name = this.name('f');
    const hasVarargs = prng.chance(40);
    const isRecursive = prng.chance(25);
    this.emit(`local function ${name}(a, b${hasVarargs ? ', ...' : ''})`);
    this.inFunction({ hasVarargs }, () => {
      this.numbers.push('a', 'b');
      if (isRecursive) {
        this.emit(
          `a, b = a % 4, b % 4 if a < 1 or b < 1 then return a + b end for i = 1, 2 do b = ${name}(a - 1, b - 1) + i end`,
        );
      }
      if (hasVarargs)
        this.emit('local p = 0 for i = 1, select("#", ...) do p = p + i * (select(i, ...)) % 31 end out(p, ...)');
      this.block(3);
      this.emit(`return ${this.expression(1)}, ${this.expression(1)}`);
    });
    this.emit('end');
    this.emit(`out(${name}(${this.expression(1)}, ${this.expression(1)}, ${this.expression(1)}))`);
    this.functions.push(name);
  }

  private coroutineBody(returned: Context['returned']): void {
    this.inFunction({ returned, mayYield: true }, () => {
      this.emit('a, b = a or 1, b or 2');
      this.numbers.push('a', 'b');
      this.loop();
      this.block(2);
      this.emit(`if ${this.condition(1)} then return nil end`);
    });
  }

  /** A coroutine that is resumed again and again, at times never to its end. */
  private coroutine(): void {
    const { prng } = this;
    const [name, turn] = [this.name('t'), this.name('n')];
    this.emit(`local ${name} = coroutine.create(function(a, b)`);
    this.coroutineBody('numbers');
    this.emit('end)');
    this.emit(
      `local ${turn} = 0 while coroutine.status(${name}) ~= "dead" and ${turn} < ${prng.pick([2, 5, 30])} do ${turn} = ${turn} + 1`,
    );
    this.emit(`out(coroutine.resume(${name}${prng.chance(80) ? `, ${turn}` : ''})) end`);
  }

  private protectedBlock(): void {
    this.emit('out(pcall(function(a, b)');
    this.inFunction({}, () => {
      this.numbers.push('a', 'b');
      this.loop();
      this.emit(
        this.prng.pick([
          `if ${this.condition(1)} then error(${this.atom()}) end`,
          `if ${this.condition(1)} then error("text") end`,
          `for i = 1, 3 do a = a + i if i == 2 then local x = nil + a end end`,
        ]),
      );
      this.emit(`return ${this.expression(1)}`);
    });
    this.emit(`end, ${this.atom()}, ${this.atom()}))`);
  }

  /** An object whose metamethods loop. */
  private object(): void {
    const { prng } = this;
    const name = this.name('o');
    const turns = prng.below(3) + 1;
    const sum = `local s = self.n or 0 for i = 1, ${turns} do s = s + i if s > 40 then break end end`;
    this.emit(
      `local ${name} = {n = ${this.expression(1)}} ${name}.add = function(self, x) repeat self.n = (self.n + x) % 101 x = x - 1 until not (x >= 3 and x <= 6) return self.n end`,
    );
    this.emit(
      `setmetatable(${name}, {__add = function(a, b) local s = 0 for i = 1, ${turns} do s = s + (type(a) == "table" and a.n or a) * i end return s end,`,
    );
    this.emit(
      `__lt = function(a, b) local s = 0 for i = 1, ${turns} do s = s + a.n - b.n end return s < 0 end, __unm = function(self) ${sum} return s end,`,
    );
    this.emit(
      `__index = function(t, k) for i = 1, 3 do if i == k then return i * 2 end end return 0 end, __call = function(self, x) ${sum} return s + x end})`,
    );
    this.objects = [name];
  }

  /** A native that calls back into code with loops. */
  private callback(): void {
    const { prng } = this;
    const list = this.name('l');
    const items = Array.from({ length: prng.below(6) + 2 }, () => this.expression(1));
    this.emit(
      `local ${list} = {${items.join(', ')}} table.sort(${list}, function(p, q) local s = 0 for i = 1, 2 do s = s + (p - q) end return s < 0 end)`,
    );
    this.emit(`out(unpack(${list}))`);
    this.emit('out((string.gsub("abc", "%w", function(w)');
    this.inFunction({ returned: null }, () => {
      this.emit(`local a = string.byte(w)`);
      this.numbers.push('a');
      this.loop();
      this.emit('return a');
    });
    this.emit('end)))');
    this.lists.push(list);
  }

  /** The program's text. */
  write(): string {
    this.emit('local function show(v) return tostring(type(v) == "number" and v + 0 or v) end');
    this.emit(
      'local function out(...) local r = {} for i = 1, select("#", ...) do r[i] = show((select(i, ...))) end print(table.concat(r, " ")) end',
    );
    for (let part = 0; part < 6; part++) {
      this.emit('do local kept, z, x = {}, 1, 2');
      this.scoped({}, () => {
        this.numbers.push('z', 'x');
        this.block(4);
        this.loop();
      });
      this.emit('for at, f in ipairs(kept) do if at > 20 then break end out(at, f(), f()) end end');
    }
    return `${this.lines.join('\n')}\n`;
  }
}
