// syntax: the tree that the parser builds and the code generator reads.
//
// Names are resolved while parsing: every use of a local points to its declaration, which collects whether an inner
// function captures it and whether it is assigned again. The generator needs both before it writes the first line: only
// a local that is captured and assigned again has to live in a cell on the heap.

export interface Local {
  readonly name: string;
  readonly owner: FunctionScope;
  captured: boolean;
  assigned: boolean;
  /** The function that `local function` bound to this name; inside of it the name is the function itself. */
  self: FunctionScope | null;
  /** The generator's place for it. */
  slot: number;
  /** Whether its value is known to be a number at every use. */
  isNumber: boolean;
}

export interface FunctionScope {
  readonly parent: FunctionScope | null;
  readonly index: number;
  readonly line: number;
  parameters: Local[];
  isVararg: boolean;
  /** The local `arg` of 5.0's varargs; null in the main function. */
  argTable: Local | null;
  usesVarargs: boolean;
  /** Locals of enclosing functions, in the order of first use. */
  upvalues: Local[];
  body: Statement[];
  endLine: number;
}

export type Expression =
  | { readonly kind: 'nil' }
  | { readonly kind: 'true' }
  | { readonly kind: 'false' }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'vararg' }
  | { readonly kind: 'function'; readonly scope: FunctionScope }
  | { readonly kind: 'local'; readonly local: Local }
  | { readonly kind: 'upvalue'; readonly local: Local }
  | { readonly kind: 'global'; readonly name: string; readonly line: number }
  | { readonly kind: 'index'; readonly object: Expression; readonly key: Expression; readonly line: number }
  | { readonly kind: 'call'; readonly callee: Expression; readonly args: Expression[]; readonly line: number }
  | {
      readonly kind: 'method';
      readonly object: Expression;
      readonly name: string;
      readonly args: Expression[];
      readonly line: number;
    }
  | {
      readonly kind: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly line: number;
    }
  | {
      readonly kind: 'unary';
      readonly operator: 'not' | '-' | '#';
      readonly operand: Expression;
      readonly line: number;
    }
  | { readonly kind: 'parenthesis'; readonly inner: Expression }
  | { readonly kind: 'table'; readonly items: TableItem[]; readonly line: number };

/** A field of a constructor; without a key it takes the next array place. */
export interface TableItem {
  readonly key: Expression | null;
  readonly value: Expression;
  readonly line: number;
}

export interface Clause {
  readonly condition: Expression;
  readonly body: Statement[];
  readonly line: number;
}

export type BinaryOperator =
  '+' | '-' | '*' | '/' | '%' | '^' | '..' | '==' | '~=' | '<' | '<=' | '>' | '>=' | 'and' | 'or';

export type Statement =
  | { readonly kind: 'local'; readonly locals: Local[]; readonly values: Expression[]; readonly line: number }
  | { readonly kind: 'localFunction'; readonly local: Local; readonly scope: FunctionScope; readonly line: number }
  | { readonly kind: 'assign'; readonly targets: Expression[]; readonly values: Expression[]; readonly line: number }
  | { readonly kind: 'call'; readonly call: Expression; readonly line: number }
  | { readonly kind: 'do'; readonly body: Statement[] }
  | { readonly kind: 'while'; readonly condition: Expression; readonly body: Statement[]; readonly line: number }
  | {
      readonly kind: 'repeat';
      readonly body: Statement[];
      readonly condition: Expression;
      readonly line: number;
      readonly untilLine: number;
    }
  | { readonly kind: 'if'; readonly clauses: Clause[]; readonly otherwise: Statement[] | null }
  | {
      readonly kind: 'numericFor';
      readonly local: Local;
      readonly from: Expression;
      readonly to: Expression;
      readonly step: Expression | null;
      readonly body: Statement[];
      readonly line: number;
    }
  | {
      readonly kind: 'genericFor';
      readonly locals: Local[];
      readonly values: Expression[];
      readonly body: Statement[];
      readonly line: number;
    }
  | { readonly kind: 'return'; readonly values: Expression[]; readonly line: number }
  | { readonly kind: 'break' };

export interface Chunk {
  readonly name: string;
  readonly functions: FunctionScope[];
}
