// frame-keys: all keys that a request names, read from its bytes.
import { COMPLETE, RequestReader } from '../../protocol/request.js';
import { Call } from '../../registry/call.js';
import type { Command } from '../../registry/command.js';
import { findKeys, FoundKeys } from '../../registry/find-keys.js';
import type { Plan } from '../routing/plan.js';
import type { Frame } from '../routing/router.js';

const reader = new RequestReader();
const call = new Call();
const found = new FoundKeys();

/** Copies of the keys; the one that says where the request goes is among them. */
export function frameKeys(plan: Plan, frame: Frame): Uint8Array[] {
  const { bytes, from, count, keyStart, keyLength } = frame;
  const first = bytes.slice(keyStart, keyStart + keyLength);
  if (plan.hasOneKey || reader.read(bytes, from, from + count, call, null, true) !== COMPLETE) return [first];
  if (!findKeys(plan.command as Command<Call>, call, false, found)) return [first];
  const keys: Uint8Array[] = [];
  for (let index = 0; index < found.count; index++) keys.push(call.copy(found.indexes[index]!));
  return keys.length === 0 ? [first] : keys;
}
