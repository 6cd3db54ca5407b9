// infer: finds the locals that can only ever hold numbers.
//
// Arithmetic on them needs no type test and cannot fail, suspend or call a metamethod, and V8 keeps them in registers: a
// loop that sums becomes five times as fast. All candidates are taken for numbers first, then those are struck off that
// get a value that is none, until nothing changes.
import type { Chunk, Expression, FunctionScope, Local, Statement } from './syntax.js';

type Sources = Map<Local, (Expression | null)[]>;

function note(sources: Sources, local: Local, source: Expression | null): void {
  const list = sources.get(local);
  if (list === undefined) sources.set(local, [source]);
  else list.push(source);
}

const isAlwaysNumber: Expression = { kind: 'number', value: 0 };

function visit(sources: Sources, body: Statement[]): void {
  for (const statement of body) {
    switch (statement.kind) {
      case 'local':
        statement.locals.forEach((local, at) => note(sources, local, statement.values[at] ?? null));
        break;
      case 'localFunction':
        note(sources, statement.local, null);
        break;
      case 'assign':
        statement.targets.forEach((target, at) => {
          if (target.kind === 'local' || target.kind === 'upvalue')
            note(sources, target.local, statement.values[at] ?? null);
        });
        break;
      case 'numericFor':
        note(sources, statement.local, isAlwaysNumber);
        visit(sources, statement.body);
        break;
      case 'genericFor':
        for (const local of statement.locals) note(sources, local, null);
        visit(sources, statement.body);
        break;
      case 'if':
        for (const clause of statement.clauses) visit(sources, clause.body);
        if (statement.otherwise !== null) visit(sources, statement.otherwise);
        break;
      case 'do':
      case 'while':
      case 'repeat':
        visit(sources, statement.body);
        break;
      default:
        break;
    }
  }
}

function isNumeric(expression: Expression): boolean {
  switch (expression.kind) {
    case 'number':
      return true;
    case 'local':
    case 'upvalue':
      return expression.local.isNumber;
    case 'parenthesis':
      return isNumeric(expression.inner);
    case 'unary':
      return expression.operator === '-' && isNumeric(expression.operand);
    case 'binary':
      return '+-*/%^'.includes(expression.operator) && isNumeric(expression.left) && isNumeric(expression.right);
    default:
      return false;
  }
}

/** Sets `isNumber` of every local of the chunk. Cells are left out: a closure may run before the first value is in. */
export function inferNumbers(chunk: Chunk): void {
  const sources: Sources = new Map();
  for (const scope of chunk.functions as FunctionScope[]) visit(sources, scope.body);
  const candidates: Local[] = [];
  for (const [local, list] of sources) {
    if ((local.captured && local.assigned) || list.includes(null) || local.owner.parameters.includes(local)) continue;
    local.isNumber = true;
    candidates.push(local);
  }
  for (let changed = true; changed;) {
    changed = false;
    for (const local of candidates) {
      if (!local.isNumber || sources.get(local)!.every((source) => isNumeric(source!))) continue;
      local.isNumber = false;
      changed = true;
    }
  }
}
