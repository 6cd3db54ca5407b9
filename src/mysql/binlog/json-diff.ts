// json-diff: partial updates of JSON columns, which the binlog holds as differences to the document before.
//
//   operation (1: 0 replace, 1 insert, 2 remove)  path (length-encoded)  but for remove: value (length-encoded, json-binary)
//
// A path is in the words of JSON_EXTRACT: `$`, `.name`, `."quoted name"`, `[index]`. The differences apply one after the other.
//
// Source: Json_diff_vector in MySQL's source documentation.
import { BinlogFormatError, type ByteCursor } from './byte-cursor.js';
import { readJson } from './json-binary.js';
import { compareNames, JsonObject, type JsonValue } from './json-value.js';

type Step = string | number;

function parsePath(path: string): Step[] {
  const steps: Step[] = [];
  const fail = (): never => {
    throw new BinlogFormatError(`a JSON path that is none: ${path.slice(0, 80)}`);
  };
  if (!path.startsWith('$')) fail();
  const matcher = /\.("(?:[^"\\]|\\.)*"|[^.["]+)|\[(\d+)\]/y;
  matcher.lastIndex = 1;
  while (matcher.lastIndex < path.length) {
    const match = matcher.exec(path);
    if (match === null) return fail();
    const [, name, index] = match;
    if (index !== undefined) steps.push(Number(index));
    else if (!name!.startsWith('"')) steps.push(name!);
    else {
      try {
        steps.push(JSON.parse(name!) as string);
      } catch {
        return fail();
      }
    }
  }
  return steps;
}

function child(value: JsonValue, step: Step): JsonValue | undefined {
  if (typeof step === 'string') return value instanceof JsonObject ? value.members.get(step) : undefined;
  if (Array.isArray(value)) return value[step];
  // A value that is no array counts as an array of itself.
  return step === 0 ? value : undefined;
}

function setMember(object: JsonObject, name: string, value: JsonValue): void {
  const isNew = !object.members.has(name);
  object.members.set(name, value);
  if (!isNew) return;
  const sorted = [...object.members].sort(([one], [other]) => compareNames(one, other));
  object.members.clear();
  for (const [key, member] of sorted) object.members.set(key, member);
}

/** Applies differences to a document, which is changed, and returns it. */
export function applyJsonDiffs(document: JsonValue, diffs: ByteCursor): JsonValue {
  let root = document;
  while (diffs.left > 0) {
    const operation = diffs.u8();
    if (operation > 2) throw new BinlogFormatError(`a JSON difference of kind ${operation}`);
    const path = diffs.utf8(diffs.lengthEncoded());
    const steps = parsePath(path);
    const value = operation === 2 ? undefined : readJson(diffs.slice(diffs.lengthEncoded()));
    const last = steps.pop();
    if (last === undefined) {
      if (operation !== 0) throw new BinlogFormatError('a JSON difference that inserts or removes the document');
      root = value!;
      continue;
    }
    let parent: JsonValue | undefined = root;
    for (const step of steps) parent = parent === undefined ? undefined : child(parent, step);
    if (parent instanceof JsonObject && typeof last === 'string') {
      if (value === undefined) parent.members.delete(last);
      else setMember(parent, last, value);
    } else if (Array.isArray(parent) && typeof last === 'number') {
      if (value === undefined) parent.splice(last, 1);
      else if (operation === 1) parent.splice(last, 0, value);
      else if (last < parent.length) parent[last] = value;
      else throw new BinlogFormatError(`a JSON difference at the missing path ${path}`);
    } else throw new BinlogFormatError(`a JSON difference at the missing path ${path}`);
  }
  return root;
}
