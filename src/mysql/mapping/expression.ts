// expression: the language of computed values and filters in the mapping: SQL's operators over the columns of one row.
//
//   concat(first_name, ' ', last_name)      price * quantity      deleted_at is null and status in ('new', 'paid')
//
// It can only compute: no loops, no names but columns and the functions of functions.ts, so a configuration from elsewhere can do
// no harm. NULL behaves as in SQL: an operation with NULL is NULL, and a filter that is NULL is not met.
//
//   ternary    or ? ternary : ternary
//   or         and (OR and)*          also ||
//   and        not (AND not)*         also &&
//   not        NOT not | comparison   also !
//   comparison sum ((= == != <> < <= > >=) sum | IS [NOT] NULL | [NOT] IN (list) | [NOT] LIKE sum | [NOT] BETWEEN sum AND sum)
//   sum        product ((+ -) product)*
//   product    sign ((* / %) sign)*
//   sign       - sign | primary
//   primary    number | 'text' | "text" | NULL | TRUE | FALSE | column | `column` | function(list) | (ternary)
import type { Value } from '../values/value.js';
import { add, compare, divide, isTrue, like, multiply, negate, remainder, subtract } from './arithmetic.js';
import { functions } from './functions.js';
import { type Token, tokenize } from './tokens.js';

/** Gives the value of a column; undefined when the row has none of that name. */
export type Fields = (name: string) => Value | undefined;

export interface Expression {
  readonly text: string;
  /** The columns that it names. */
  readonly columns: ReadonlySet<string>;
  evaluate(fields: Fields): Value;
}

export class ExpressionError extends Error {}

type Node = (fields: Fields) => Value;

const DEPTH_MAX = 100;

class Parser {
  readonly columns = new Set<string>();
  private at = 0;
  private depth = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  whole(): Node {
    const node = this.ternary();
    if (this.token !== undefined) throw new ExpressionError(`unexpected '${this.token.text}'`);
    return node;
  }

  private get token(): Token | undefined {
    return this.tokens[this.at];
  }

  /** Takes a word or sign if it comes next. */
  private accept(...texts: string[]): string | undefined {
    const { token } = this;
    if (token === undefined || (token.kind !== 'word' && token.kind !== 'sign')) return undefined;
    const text = token.text.toLowerCase();
    if (!texts.includes(text)) return undefined;
    this.at++;
    return text;
  }

  private expect(text: string): void {
    if (this.accept(text) === undefined)
      throw new ExpressionError(
        `'${text}' is missing before ${this.token === undefined ? 'the end' : `'${this.token.text}'`}`,
      );
  }

  private ternary(): Node {
    if (++this.depth > DEPTH_MAX) throw new ExpressionError('the expression is nested too deep');
    const condition = this.or();
    let node = condition;
    if (this.accept('?') !== undefined) {
      const yes = this.ternary();
      this.expect(':');
      const no = this.ternary();
      node = (fields) => (isTrue(condition(fields)) === true ? yes(fields) : no(fields));
    }
    this.depth--;
    return node;
  }

  private or(): Node {
    let node = this.and();
    while (this.accept('or', '||') !== undefined) {
      const left = node;
      const right = this.and();
      node = (fields) => {
        const one = isTrue(left(fields));
        if (one === true) return true;
        const other = isTrue(right(fields));
        return other === true ? true : one === null || other === null ? null : false;
      };
    }
    return node;
  }

  private and(): Node {
    let node = this.not();
    while (this.accept('and', '&&') !== undefined) {
      const left = node;
      const right = this.not();
      node = (fields) => {
        const one = isTrue(left(fields));
        if (one === false) return false;
        const other = isTrue(right(fields));
        return other === false ? false : one === null || other === null ? null : true;
      };
    }
    return node;
  }

  private not(): Node {
    if (this.accept('not', '!') === undefined) return this.comparison();
    if (++this.depth > DEPTH_MAX) throw new ExpressionError('the expression is nested too deep');
    const inner = this.not();
    this.depth--;
    return (fields) => {
      const value = isTrue(inner(fields));
      return value === null ? null : !value;
    };
  }

  private comparison(): Node {
    const left = this.sum();
    const sign = this.accept('=', '==', '!=', '<>', '<', '<=', '>', '>=');
    if (sign !== undefined) {
      const right = this.sum();
      const test = tests[sign]!;
      return (fields) => {
        const order = compare(left(fields), right(fields));
        return order === null ? null : test(order);
      };
    }
    if (this.accept('is') !== undefined) {
      const isNot = this.accept('not') !== undefined;
      this.expect('null');
      return (fields) => (left(fields) === null) !== isNot;
    }
    const isNot = this.accept('not') !== undefined;
    const test = this.membership(left);
    if (test === undefined) {
      if (isNot) throw new ExpressionError("'not' wants 'in', 'like' or 'between' after it");
      return left;
    }
    if (!isNot) return test;
    return (fields) => {
      const value = isTrue(test(fields));
      return value === null ? null : !value;
    };
  }

  private membership(left: Node): Node | undefined {
    if (this.accept('in') !== undefined) {
      this.expect('(');
      const list = this.list();
      return (fields) => {
        const value = left(fields);
        let isUnknown = value === null;
        for (const one of list) {
          const order = compare(value, one(fields));
          if (order === 0) return true;
          if (order === null) isUnknown = true;
        }
        return isUnknown ? null : false;
      };
    }
    if (this.accept('like') !== undefined) {
      const pattern = this.sum();
      return (fields) => like(left(fields), pattern(fields));
    }
    if (this.accept('between') === undefined) return undefined;
    const low = this.sum();
    this.expect('and');
    const high = this.sum();
    return (fields) => {
      const value = left(fields);
      const one = compare(value, low(fields));
      const other = compare(value, high(fields));
      return one === null || other === null ? null : one >= 0 && other <= 0;
    };
  }

  /** Expressions up to the closing bracket. */
  private list(): Node[] {
    const nodes: Node[] = [];
    if (this.accept(')') !== undefined) return nodes;
    do nodes.push(this.ternary());
    while (this.accept(',') !== undefined);
    this.expect(')');
    return nodes;
  }

  private sum(): Node {
    let node = this.product();
    for (;;) {
      const sign = this.accept('+', '-');
      if (sign === undefined) return node;
      const left = node;
      const right = this.product();
      const operate = sign === '+' ? add : subtract;
      node = (fields) => operate(left(fields), right(fields));
    }
  }

  private product(): Node {
    let node = this.sign();
    for (;;) {
      const sign = this.accept('*', '/', '%');
      if (sign === undefined) return node;
      const left = node;
      const right = this.sign();
      const operate = sign === '*' ? multiply : sign === '/' ? divide : remainder;
      node = (fields) => operate(left(fields), right(fields));
    }
  }

  private sign(): Node {
    if (this.accept('-') === undefined) return this.primary();
    if (++this.depth > DEPTH_MAX) throw new ExpressionError('the expression is nested too deep');
    const inner = this.sign();
    this.depth--;
    return (fields) => negate(inner(fields));
  }

  private primary(): Node {
    const { token } = this;
    if (token === undefined) throw new ExpressionError('the expression ends too early');
    this.at++;
    if (token.kind === 'value') return () => token.value;
    if (token.kind === 'sign') {
      if (token.text !== '(') throw new ExpressionError(`unexpected '${token.text}'`);
      const node = this.ternary();
      this.expect(')');
      return node;
    }
    if (token.kind === 'word') {
      const word = token.text.toLowerCase();
      if (word === 'null') return () => null;
      if (word === 'true') return () => true;
      if (word === 'false') return () => false;
      if (this.accept('(') !== undefined) return this.call(word);
    }
    const name = token.text;
    this.columns.add(name);
    return (fields) => {
      const value = fields(name);
      if (value === undefined) throw new ExpressionError(`there is no column '${name}'`);
      return value;
    };
  }

  private call(name: string): Node {
    const nodes = this.list();
    if (name === 'if') {
      if (nodes.length !== 3) throw new ExpressionError('if() takes a condition and two values');
      const [condition, yes, no] = nodes as [Node, Node, Node];
      return (fields) => (isTrue(condition(fields)) === true ? yes(fields) : no(fields));
    }
    const known = functions.get(name);
    if (known === undefined)
      throw new ExpressionError(`there is no function ${name}(): known are if, ${[...functions.keys()].join(', ')}`);
    const { least, most, run } = known;
    if (nodes.length < least || nodes.length > most)
      throw new ExpressionError(
        `${name}() takes ${least === most ? least : `${least} to ${most}`} values, not ${nodes.length}`,
      );
    return (fields) => run(nodes.map((node) => node(fields)));
  }
}

const tests: Readonly<Record<string, (order: number) => boolean>> = {
  '=': (order) => order === 0,
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<>': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

/** Compiles an expression; the error says what is wrong with it. */
export function parseExpression(text: string): Expression {
  const parser = new Parser(tokenize(text));
  const node = parser.whole();
  return { text, columns: parser.columns, evaluate: node };
}
