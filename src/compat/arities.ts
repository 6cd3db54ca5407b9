// arities: how many arguments commands took before they took more.
//
// A row: the command, then pairs of a version and the arity before it, oldest first. Read from the command tables of Redis 2.0.5 to
// 7.4.1. A command that is not here has always taken what it takes now.

type Row = readonly (readonly [before: string, arity: number])[];

export const oldArities: Readonly<Record<string, Row>> = {
  auth: [['6.0.0', 2]],
  bgsave: [['3.2.0', 1]],
  'command|getkeys': [['7.2.0', -4]],
  'command|getkeysandflags': [['7.2.0', -4]],
  'config|get': [['7.0.0', 3]],
  'config|set': [['7.0.0', 4]],
  debug: [
    ['3.2.0', -2],
    ['5.0.0', -1],
  ],
  exists: [['3.0.0', 2]],
  expire: [['7.0.0', 3]],
  expireat: [['7.0.0', 3]],
  flushall: [['4.0.0', 1]],
  flushdb: [['4.0.0', 1]],
  hdel: [['2.4.0', 3]],
  hello: [['6.2.0', -2]],
  hset: [['4.0.0', 4]],
  info: [['2.6.0', 1]],
  lpop: [['6.2.0', 2]],
  lpush: [['2.4.0', 3]],
  lpushx: [['4.0.0', 3]],
  migrate: [['3.0.0', 6]],
  object: [
    ['2.8.0', -2],
    ['4.0.0', 3],
  ],
  pexpire: [['7.0.0', 3]],
  pexpireat: [['7.0.0', 3]],
  pfdebug: [['7.0.0', -3]],
  ping: [['2.8.0', 1]],
  psync: [['6.2.0', 3]],
  restore: [['3.0.0', 4]],
  rpop: [['6.2.0', 2]],
  rpush: [['2.4.0', 3]],
  rpushx: [['4.0.0', 3]],
  sadd: [['2.4.0', 3]],
  set: [['2.6.0', 3]],
  shutdown: [['2.6.0', 1]],
  spop: [['3.2.0', 2]],
  srandmember: [['2.6.0', 2]],
  srem: [['2.4.0', 3]],
  xsetid: [['7.0.0', 3]],
  xtrim: [['6.2.0', -2]],
  zadd: [['2.4.0', 4]],
  zrank: [['7.2.0', 3]],
  zrem: [['2.4.0', 3]],
  zrevrank: [['7.2.0', 3]],
};
