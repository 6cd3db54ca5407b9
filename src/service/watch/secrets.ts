// secrets: which arguments of a command must never be shown, in MONITOR, SLOWLOG, logs and errors.
import { latin1Bytes } from '../../base/bytes.js';
import type { Call } from '../../registry/call.js';

const redacted = latin1Bytes('(redacted)');

/** Whether a directive's value is a secret. */
export type IsSensitive = (directive: string) => boolean;

/** Whether argument `index` of a call of the command with this full name is a secret. */
export function isSecret<C extends Call>(fullName: string, call: C, index: number, isSensitive: IsSensitive): boolean {
  switch (fullName) {
    case 'auth':
      return index >= 1;
    case 'hello':
      return (index >= 2 && call.is(index - 1, 'auth')) || (index >= 3 && call.is(index - 2, 'auth'));
    case 'acl|setuser':
    case 'acl|deluser':
    case 'acl|getuser':
      return index >= 2;
    case 'config|set':
      return index >= 3 && index % 2 === 1 && isSensitive(call.text(index - 1));
    case 'migrate':
      return isMigrateSecret(call, index);
    default:
      return false;
  }
}

function isMigrateSecret<C extends Call>(call: C, index: number): boolean {
  for (let at = 6; at < index; at++) {
    if (call.is(at, 'keys')) return false;
    if (call.is(at, 'auth') && index === at + 1) return true;
    if (call.is(at, 'auth2') && (index === at + 1 || index === at + 2)) return true;
  }
  return false;
}

/** An argument as a view, void after the call, or what stands for a secret. */
export function shownArgument<C extends Call>(
  fullName: string,
  call: C,
  index: number,
  isSensitive: IsSensitive,
): Uint8Array {
  return isSecret(fullName, call, index, isSensitive)
    ? redacted
    : call.bytes.subarray(call.starts[index]!, call.starts[index]! + call.lengths[index]!);
}
