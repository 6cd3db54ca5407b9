// parser: Lua 5.1 source to a tree with resolved names, by recursive descent.
//
// Messages, limits and the order of checks are PUC Lua's. Nesting is bounded (200 levels), so that hostile source gets an
// error instead of exhausting the stack.
import { Lexer, LuaSyntaxError } from './lexer.js';
import type {
  BinaryOperator,
  Chunk,
  Clause,
  Expression,
  FunctionScope,
  Local,
  Statement,
  TableItem,
} from './syntax.js';

export { LuaSyntaxError };

const levelsMax = 200;
const localsMax = 200;
const upvaluesMax = 60;

/** Left and right binding power. */
const precedence = new Map<string, readonly [number, number]>([
  ['+', [6, 6]],
  ['-', [6, 6]],
  ['*', [7, 7]],
  ['/', [7, 7]],
  ['%', [7, 7]],
  ['^', [10, 9]],
  ['..', [5, 4]],
  ['==', [3, 3]],
  ['~=', [3, 3]],
  ['<', [3, 3]],
  ['<=', [3, 3]],
  ['>', [3, 3]],
  ['>=', [3, 3]],
  ['and', [2, 2]],
  ['or', [1, 1]],
]);
const unaryPrecedence = 8;

interface Block {
  readonly parent: Block | null;
  readonly isLoop: boolean;
  readonly locals: Map<string, Local>;
}

interface Scope {
  readonly parent: Scope | null;
  readonly func: FunctionScope;
  readonly upvalueSet: Set<Local>;
  block: Block;
  activeCount: number;
}

class Parser {
  private readonly lexer: Lexer;
  private readonly functions: FunctionScope[] = [];
  private scope: Scope | null = null;
  private levels = 0;

  constructor(
    source: string,
    private readonly chunk: string,
  ) {
    this.lexer = new Lexer(source, chunk);
  }

  parse(): Chunk {
    const main = this.openFunction(0);
    main.isVararg = true;
    this.lexer.next();
    main.body = this.block();
    if (this.lexer.kind !== '<eof>') this.expected('<eof>');
    main.endLine = this.lexer.line;
    this.scope = null;
    return { name: this.chunk, functions: this.functions };
  }

  private get current(): Scope {
    return this.scope!;
  }

  private openFunction(line: number): FunctionScope {
    const parent = this.scope;
    const func: FunctionScope = {
      parent: parent === null ? null : parent.func,
      index: this.functions.length,
      line,
      parameters: [],
      isVararg: false,
      argTable: null,
      usesVarargs: false,
      upvalues: [],
      body: [],
      endLine: line,
    };
    this.functions.push(func);
    const block: Block = { parent: null, isLoop: false, locals: new Map() };
    this.scope = { parent, func, upvalueSet: new Set(), block, activeCount: 0 };
    return func;
  }

  private newLocal(name: string): Local {
    return { name, owner: this.current.func, captured: false, assigned: false, self: null, slot: -1, isNumber: false };
  }

  private activate(local: Local): void {
    const { current } = this;
    if (++current.activeCount > localsMax) this.limit(localsMax, 'local variables');
    current.block.locals.set(local.name, local);
  }

  private limit(limit: number, what: string): never {
    const { line } = this.current.func;
    const where = line === 0 ? 'main function' : `function at line ${line}`;
    this.lexer.fail(`${where} has more than ${limit} ${what}`, null);
  }

  private withBlock<T>(isLoop: boolean, parse: () => T): T {
    const { current } = this;
    const { block, activeCount } = current;
    current.block = { parent: block, isLoop, locals: new Map() };
    const result = parse();
    current.block = block;
    current.activeCount = activeCount;
    return result;
  }

  private resolve(name: string, line: number): Expression {
    const home = this.current;
    for (let scope: Scope | null = home; scope !== null; scope = scope.parent) {
      for (let block: Block | null = scope.block; block !== null; block = block.parent) {
        const local = block.locals.get(name);
        if (local === undefined) continue;
        if (scope === home) return { kind: 'local', local };
        local.captured = true;
        for (let inner: Scope = home; inner !== scope; inner = inner.parent!) {
          if (inner.upvalueSet.has(local)) continue;
          inner.upvalueSet.add(local);
          inner.func.upvalues.push(local);
          if (inner.upvalueSet.size > upvaluesMax) this.limit(upvaluesMax, 'upvalues');
        }
        return { kind: 'upvalue', local };
      }
    }
    return { kind: 'global', name, line };
  }

  private enter(): void {
    if (++this.levels > levelsMax) this.lexer.fail('chunk has too many syntax levels', null);
  }

  private expected(kind: string): never {
    this.lexer.fail(`'${kind}' expected`);
  }

  private accept(kind: string): boolean {
    if (this.lexer.kind !== kind) return false;
    this.lexer.next();
    return true;
  }

  private expect(kind: string): void {
    if (this.lexer.kind !== kind) this.expected(kind);
    this.lexer.next();
  }

  private expectClose(what: string, opener: string, line: number): void {
    if (this.lexer.kind !== what) {
      if (line === this.lexer.line) this.expected(what);
      this.lexer.fail(`'${what}' expected (to close '${opener}' at line ${line})`);
    }
    this.lexer.next();
  }

  private name(): string {
    if (this.lexer.kind !== 'name') this.expected('<name>');
    const { text } = this.lexer;
    this.lexer.next();
    return text;
  }

  private blockEnds(): boolean {
    const { kind } = this.lexer;
    return kind === 'else' || kind === 'elseif' || kind === 'end' || kind === '<eof>' || kind === 'until';
  }

  /** The statements up to the block's end; the caller opened the block. */
  private block(): Statement[] {
    const body: Statement[] = [];
    this.enter();
    while (!this.blockEnds()) {
      const isLast = this.lexer.kind === 'return' || this.lexer.kind === 'break';
      body.push(this.statement());
      this.accept(';');
      if (isLast) break;
    }
    this.levels--;
    return body;
  }

  private scopedBlock(isLoop: boolean): Statement[] {
    return this.withBlock(isLoop, () => this.block());
  }

  private statement(): Statement {
    const { line, kind } = this.lexer;
    switch (kind) {
      case 'if':
        return this.ifStatement(line);
      case 'while':
        return this.whileStatement(line);
      case 'do': {
        this.lexer.next();
        const body = this.scopedBlock(false);
        this.expectClose('end', 'do', line);
        return { kind: 'do', body };
      }
      case 'for':
        return this.forStatement(line);
      case 'repeat':
        return this.repeatStatement(line);
      case 'function':
        return this.functionStatement(line);
      case 'local':
        this.lexer.next();
        return this.accept('function') ? this.localFunction(line) : this.localStatement(line);
      case 'return':
        return this.returnStatement(line);
      case 'break':
        this.lexer.next();
        for (let block: Block | null = this.current.block; ; block = block.parent) {
          if (block === null) this.lexer.fail('no loop to break');
          if (block.isLoop) break;
        }
        return { kind: 'break' };
      default:
        return this.expressionStatement(line);
    }
  }

  private ifStatement(line: number): Statement {
    const clauses: Clause[] = [];
    let otherwise: Statement[] | null = null;
    do {
      this.lexer.next();
      const clauseLine = this.lexer.line;
      const condition = this.expression();
      this.expect('then');
      clauses.push({ condition, body: this.scopedBlock(false), line: clauseLine });
    } while (this.lexer.kind === 'elseif');
    if (this.accept('else')) otherwise = this.scopedBlock(false);
    this.expectClose('end', 'if', line);
    return { kind: 'if', clauses, otherwise };
  }

  private whileStatement(line: number): Statement {
    this.lexer.next();
    const condition = this.expression();
    const body = this.withBlock(true, () => {
      this.expect('do');
      return this.scopedBlock(false);
    });
    this.expectClose('end', 'while', line);
    return { kind: 'while', condition, body, line };
  }

  private repeatStatement(line: number): Statement {
    this.lexer.next();
    return this.withBlock(true, () =>
      this.withBlock(false, () => {
        const body = this.block();
        this.expectClose('until', 'repeat', line);
        // The condition sees the body's locals.
        const untilLine = this.lexer.line;
        return { kind: 'repeat', body, condition: this.expression(), line, untilLine };
      }),
    );
  }

  private forStatement(line: number): Statement {
    this.lexer.next();
    const first = this.name();
    const { kind } = this.lexer;
    const parsed = this.withBlock(true, () => {
      if (kind === '=') return this.numericFor(first, line);
      if (kind === ',' || kind === 'in') return this.genericFor(first, line);
      return this.lexer.fail(`'=' or 'in' expected`);
    });
    this.expectClose('end', 'for', line);
    return parsed;
  }

  private numericFor(name: string, line: number): Statement {
    this.lexer.next();
    const from = this.expression();
    this.expect(',');
    const to = this.expression();
    const step = this.accept(',') ? this.expression() : null;
    this.expect('do');
    const local = this.newLocal(name);
    const body = this.withBlock(false, () => {
      this.current.activeCount += 3;
      this.activate(local);
      return this.block();
    });
    return { kind: 'numericFor', local, from, to, step, body, line };
  }

  private genericFor(first: string, line: number): Statement {
    const names = [first];
    while (this.accept(',')) names.push(this.name());
    this.expect('in');
    const values = this.expressions();
    this.expect('do');
    const locals = names.map((name) => this.newLocal(name));
    const body = this.withBlock(false, () => {
      this.current.activeCount += 3;
      for (const local of locals) this.activate(local);
      return this.block();
    });
    return { kind: 'genericFor', locals, values, body, line };
  }

  private functionStatement(line: number): Statement {
    this.lexer.next();
    let target = this.resolve(this.name(), line);
    let isMethod = false;
    while (this.lexer.kind === '.' || this.lexer.kind === ':') {
      isMethod = this.lexer.kind === ':';
      this.lexer.next();
      target = { kind: 'index', object: target, key: { kind: 'string', value: this.name() }, line };
      if (isMethod) break;
    }
    const scope = this.functionBody(isMethod, line);
    this.noteAssignment(target);
    return { kind: 'assign', targets: [target], values: [{ kind: 'function', scope }], line };
  }

  private localFunction(line: number): Statement {
    const local = this.newLocal(this.name());
    this.activate(local);
    const scope = this.functionBody(false, this.lexer.line, local);
    return { kind: 'localFunction', local, scope, line };
  }

  private localStatement(line: number): Statement {
    const locals: Local[] = [];
    do {
      locals.push(this.newLocal(this.name()));
      if (this.current.activeCount + locals.length > localsMax) this.limit(localsMax, 'local variables');
    } while (this.accept(','));
    const values = this.accept('=') ? this.expressions() : [];
    for (const local of locals) this.activate(local);
    return { kind: 'local', locals, values, line };
  }

  private returnStatement(line: number): Statement {
    this.lexer.next();
    const values = this.blockEnds() || this.lexer.kind === ';' ? [] : this.expressions();
    return { kind: 'return', values, line };
  }

  private expressionStatement(line: number): Statement {
    const expression = this.suffixedExpression();
    if (expression.kind === 'call' || expression.kind === 'method') return { kind: 'call', call: expression, line };
    const targets: Expression[] = [expression];
    for (;;) {
      const target = targets[targets.length - 1]!;
      if (target.kind !== 'local' && target.kind !== 'upvalue' && target.kind !== 'global' && target.kind !== 'index') {
        this.lexer.fail('syntax error');
      }
      if (!this.accept(',')) break;
      if (targets.length > levelsMax - this.levels) this.limit(levelsMax - this.levels, 'variables in assignment');
      targets.push(this.suffixedExpression());
    }
    this.expect('=');
    const values = this.expressions();
    for (const target of targets) this.noteAssignment(target);
    return { kind: 'assign', targets, values, line: this.lexer.lastLine };
  }

  private noteAssignment(target: Expression): void {
    if (target.kind === 'local' || target.kind === 'upvalue') target.local.assigned = true;
  }

  private functionBody(isMethod: boolean, line: number, bound: Local | null = null): FunctionScope {
    const func = this.openFunction(line);
    if (bound !== null) bound.self = func;
    const { current } = this;
    this.expect('(');
    const names: string[] = isMethod ? ['self'] : [];
    if (this.lexer.kind !== ')') {
      do {
        if (this.lexer.kind === 'name') {
          names.push(this.name());
        } else if (this.lexer.kind === '...') {
          this.lexer.next();
          func.isVararg = true;
          break;
        } else {
          this.lexer.fail(`<name> or '...' expected`);
        }
      } while (this.accept(','));
    }
    for (const name of names) {
      const local = this.newLocal(name);
      func.parameters.push(local);
      this.activate(local);
    }
    if (func.isVararg) {
      func.argTable = this.newLocal('arg');
      this.activate(func.argTable);
    }
    this.expect(')');
    func.body = this.block();
    func.endLine = this.lexer.line;
    this.expectClose('end', 'function', line);
    this.scope = current.parent;
    return func;
  }

  private expressions(): Expression[] {
    const list = [this.expression()];
    while (this.accept(',')) list.push(this.expression());
    return list;
  }

  private expression(limit = 0): Expression {
    this.enter();
    const { lexer } = this;
    let left: Expression;
    const { kind } = lexer;
    if (kind === 'not' || kind === '-' || kind === '#') {
      lexer.next();
      const operand = this.expression(unaryPrecedence);
      left = foldUnary(kind, operand, lexer.lastLine);
    } else {
      left = this.simpleExpression();
    }
    for (;;) {
      const powers = precedence.get(lexer.kind);
      if (powers === undefined || powers[0] <= limit) break;
      const operator = lexer.kind as BinaryOperator;
      lexer.next();
      const right = this.expression(powers[1]);
      left = { kind: 'binary', operator, left, right, line: lexer.lastLine };
    }
    this.levels--;
    return left;
  }

  private simpleExpression(): Expression {
    const { lexer } = this;
    switch (lexer.kind) {
      case 'number': {
        const { value } = lexer;
        lexer.next();
        return { kind: 'number', value };
      }
      case 'string': {
        const value = lexer.text;
        lexer.next();
        return { kind: 'string', value };
      }
      case 'nil':
      case 'true':
      case 'false': {
        const { kind } = lexer;
        lexer.next();
        return { kind };
      }
      case '...':
        if (!this.current.func.isVararg) lexer.fail(`cannot use '...' outside a vararg function`);
        this.current.func.usesVarargs = true;
        lexer.next();
        return { kind: 'vararg' };
      case '{':
        return this.tableConstructor();
      case 'function': {
        const { line } = lexer;
        lexer.next();
        return { kind: 'function', scope: this.functionBody(false, line) };
      }
      default:
        return this.suffixedExpression();
    }
  }

  private primaryExpression(): Expression {
    const { lexer } = this;
    const { line } = lexer;
    if (lexer.kind === 'name') return this.resolve(this.name(), line);
    if (lexer.kind === '(') {
      lexer.next();
      const inner = this.expression();
      this.expectClose(')', '(', line);
      return { kind: 'parenthesis', inner };
    }
    return lexer.fail('unexpected symbol');
  }

  private suffixedExpression(): Expression {
    const { lexer } = this;
    let expression = this.primaryExpression();
    for (;;) {
      switch (lexer.kind) {
        case '.': {
          lexer.next();
          const key: Expression = { kind: 'string', value: this.name() };
          expression = { kind: 'index', object: expression, key, line: lexer.lastLine };
          break;
        }
        case '[': {
          lexer.next();
          const key = this.expression();
          this.expect(']');
          expression = { kind: 'index', object: expression, key, line: lexer.lastLine };
          break;
        }
        case ':': {
          lexer.next();
          const name = this.name();
          const { line } = lexer;
          expression = { kind: 'method', object: expression, name, args: this.callArguments(), line };
          break;
        }
        case '(':
        case 'string':
        case '{': {
          const { line } = lexer;
          expression = { kind: 'call', callee: expression, args: this.callArguments(), line };
          break;
        }
        default:
          return expression;
      }
    }
  }

  private callArguments(): Expression[] {
    const { lexer } = this;
    const { line } = lexer;
    if (lexer.kind === 'string') {
      const value = lexer.text;
      lexer.next();
      return [{ kind: 'string', value }];
    }
    if (lexer.kind === '{') return [this.tableConstructor()];
    if (lexer.kind !== '(') lexer.fail('function arguments expected');
    if (line !== lexer.lastLine) lexer.fail('ambiguous syntax (function call x new statement)');
    lexer.next();
    const args = lexer.kind === ')' ? [] : this.expressions();
    this.expectClose(')', '(', line);
    return args;
  }

  private tableConstructor(): Expression {
    const { lexer } = this;
    const { line } = lexer;
    const items: TableItem[] = [];
    this.expect('{');
    while (lexer.kind !== '}') {
      if (lexer.kind === 'name' && lexer.peek() === '=') {
        const key: Expression = { kind: 'string', value: this.name() };
        lexer.next();
        const value = this.expression();
        items.push({ key, value, line: lexer.lastLine });
      } else if (lexer.kind === '[') {
        lexer.next();
        const key = this.expression();
        this.expect(']');
        this.expect('=');
        const value = this.expression();
        items.push({ key, value, line: lexer.lastLine });
      } else {
        const value = this.expression();
        items.push({ key: null, value, line: lexer.lastLine });
      }
      if (!this.accept(',') && !this.accept(';')) break;
    }
    this.expectClose('}', '{', line);
    return { kind: 'table', items, line };
  }
}

function foldUnary(operator: 'not' | '-' | '#', operand: Expression, line: number): Expression {
  if (operator === '-' && operand.kind === 'number') return { kind: 'number', value: -operand.value };
  return { kind: 'unary', operator, operand, line };
}

/** Parses a chunk; throws LuaSyntaxError. `chunk` is the name that messages carry. */
export function parse(source: string, chunk: string): Chunk {
  return new Parser(source, chunk).parse();
}
