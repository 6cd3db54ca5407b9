// debug-text: Lua values and replies as the debugger shows them, in redis-server's notation.

import { latin1Bytes } from '../../base/bytes.js';
import { formatGeneral } from '../../scripting/lua/numbers.js';
import { addressOf, LuaTable, type LuaValue, traversalEnd, typeName } from '../../scripting/lua/values.js';
import { quoted } from '../../service/watch/monitors.js';

const DEPTH_MAX = 10;
const NUMBER_DIGITS = 6;

function quotedText(text: string): string {
  return quoted(latin1Bytes(text));
}

/** `{1; "two"}`, `{["a"]=1}`, `"function@0x..."`. */
export function describeValue(value: LuaValue, depth = 0): string {
  if (depth === DEPTH_MAX) return '<max recursion level reached! Nested table?>';
  switch (typeof value) {
    case 'undefined':
      return 'nil';
    case 'boolean':
      return String(value);
    case 'number':
      return formatGeneral(value, NUMBER_DIGITS);
    case 'string':
      return quotedText(value);
    default:
      return value instanceof LuaTable ? describeTable(value, depth) : `"${typeName(value)}@${addressOf(value)}"`;
  }
}

function describeTable(table: LuaTable, depth: number): string {
  const items: string[] = [];
  const fields: string[] = [];
  let isList = true;
  for (let position = table.after(0); position !== traversalEnd; position = table.after(position)) {
    const key = table.keyAt(position);
    const text = describeValue(table.valueAt(position), depth + 1);
    items.push(text);
    fields.push(`[${describeValue(key, depth + 1)}]=${text}`);
    if (key !== items.length) isList = false;
  }
  return `{${(isList ? items : fields).join('; ')}}`;
}

/** A reply's RESP bytes (a one-byte string) in one line. */
export function describeReply(bytes: string): string {
  let at = 0;
  const line = (): string => {
    const end = bytes.indexOf('\r\n', at);
    const text = bytes.slice(at, end);
    at = end + 2;
    return text;
  };
  const list = (count: number): string[] => Array.from({ length: count }, () => next());
  const next = (): string => {
    const kind = bytes[at]!;
    if (kind === '+' || kind === '-') return quotedText(line());
    at++;
    const head = line();
    switch (kind) {
      case '$':
      case '=': {
        if (head === '-1') return 'NULL';
        const text = bytes.slice(at, at + Number(head));
        at += text.length + 2;
        return quotedText(text);
      }
      case '*':
        return head === '-1' ? 'NULL' : `[${list(Number(head)).join(',')}]`;
      case '~':
        return `~(${list(Number(head)).join(',')})`;
      case '%':
        return `{${Array.from({ length: Number(head) }, () => `${next()} => ${next()}`).join(',')}}`;
      case '_':
        return '(null)';
      case '#':
        return head === 't' ? '#true' : '#false';
      case ',':
        return `(double) ${head}`;
      default:
        return head;
    }
  };
  return next();
}
