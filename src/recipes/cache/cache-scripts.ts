// cache-scripts: the scripts of the cache: who may load, and what may be stored.
//
// KEYS[1] is the value, KEYS[2] the lease: the token of whoever loads it. An invalidation deletes both, so a loader that read the
// database before the change cannot store what it read (leases, as in "Scaling Memcache at Facebook", 2013).

import { makeScript, type Script } from '../script.js';

/** ARGV: token, milliseconds. Returns {1, value, its time to live} or {0, 1 if the lease is ours now}. */
export const readScript: Script = /* @__PURE__ */ makeScript(`
local value = redis.call('GET', KEYS[1])
if value then
  return {1, value, redis.call('PTTL', KEYS[1])}
end
return {0, redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0}
`);

/** ARGV: token, value, time to live. Returns 1 if the lease was ours. */
export const storeScript: Script = /* @__PURE__ */ makeScript(`
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('DEL', KEYS[2])
return 1
`);

/** ARGV: token. Gives the lease back after a load that failed. */
export const dropLeaseScript: Script = /* @__PURE__ */ makeScript(`
if redis.call('GET', KEYS[2]) == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
return 1
`);

/** ARGV: value, time to live. Stores in any case, and takes the lease from whoever loads. */
export const putScript: Script = /* @__PURE__ */ makeScript(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('DEL', KEYS[2])
return 1
`);

/** The version of a tag. ARGV: a new version for a tag that has none, time to live. */
export const tagScript: Script = /* @__PURE__ */ makeScript(`
local version = redis.call('GET', KEYS[1])
if not version then
  version = ARGV[1]
  redis.call('SET', KEYS[1], version)
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return version
`);

/** ARGV: a value. Deletes an entry that is still this one: its tags are out of date. */
export const deleteIfUnchanged: Script = /* @__PURE__ */ makeScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 1
`);
