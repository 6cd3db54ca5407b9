// errors: the texts of error replies that more than one command gives, to the letter as Redis words them.
//
// Clients match on the code (the first word) and some on the whole text, so each stands here once.

export const errors = {
  syntax: 'ERR syntax error',
  wrongType: 'WRONGTYPE Operation against a key holding the wrong kind of value',
  notInteger: 'ERR value is not an integer or out of range',
  notInt32: 'ERR value is out of range, value must between -2147483648 and 2147483647',
  notFloat: 'ERR value is not a valid float',
  overflow: 'ERR increment or decrement would overflow',
  nanOrInfinity: 'ERR increment would produce NaN or Infinity',
  noSuchKey: 'ERR no such key',
  outOfRange: 'ERR index out of range',
  stringTooLong: 'ERR string exceeds maximum allowed size (proto-max-bulk-len)',
  offsetOutOfRange: 'ERR offset is out of range',
  databaseOutOfRange: 'ERR DB index is out of range',
  sameObject: 'ERR source and destination objects are the same',
  timeoutNotFloat: 'ERR timeout is not a float or out of range',
  timeoutNotInteger: 'ERR timeout is not an integer or out of range',
  timeoutNegative: 'ERR timeout is negative',
  timeoutOutOfRange: 'ERR timeout is out of range',
  minOrMaxNotFloat: 'ERR min or max is not a float',
  invalidCursor: 'ERR invalid cursor',
  busyKey: 'BUSYKEY Target key name already exists.',
  outOfMemory: "OOM command not allowed when used memory > 'maxmemory'.",
  noAuth: 'NOAUTH Authentication required.',
  wrongPassword: 'WRONGPASS invalid username-password pair or user is disabled.',
  loading: 'LOADING Redis is loading the dataset in memory',
  readOnly: "READONLY You can't write against a read only replica.",
  masterDown: "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  noReplicas: 'NOREPLICAS Not enough good replicas to write.',
  execAborted: 'EXECABORT Transaction discarded because of previous errors.',
  execWithoutMulti: 'ERR EXEC without MULTI',
  unblocked: 'UNBLOCKED client unblocked via CLIENT UNBLOCK',
  busy: 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
  noScript: 'NOSCRIPT No matching script. Please use EVAL.',
  crossSlot: "CROSSSLOT Keys in request don't hash to the same slot",
  tryAgain: 'TRYAGAIN Multiple keys request during rehashing of slot',
  slotNotServed: 'CLUSTERDOWN Hash slot not served',
  clusterDown: 'CLUSTERDOWN The cluster is down',
  clusterDownReadOnly: 'CLUSTERDOWN The cluster is down and only accepts read commands',
  noCluster: 'ERR This instance has cluster support disabled',
  noProto: 'NOPROTO unsupported protocol version',
} as const;

export function wrongArity(commandName: string): string {
  return `ERR wrong number of arguments for '${commandName}' command`;
}

export function invalidExpireTime(commandName: string): string {
  return `ERR invalid expire time in '${commandName}' command`;
}
