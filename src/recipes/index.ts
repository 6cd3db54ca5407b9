// The recipes' public face: `import { Lock } from 'kvasir/recipes'`. They need a client and nothing of the server.

export type { CommandArgument, Commands } from './commands.js';
export { machineSurroundings, type Surroundings } from './surroundings.js';
export { makeScript, runScript, type Script } from './script.js';
export { fromIoredis, type IoredisLike } from './adapters/ioredis.js';
export {
  fromNodeRedis,
  fromNodeRedisCluster,
  fromNodeRedisSentinel,
  type NodeRedisClusterLike,
  type NodeRedisLike,
  type NodeRedisSentinelLike,
} from './adapters/node-redis.js';
export { fromServer, fromStream, type CommandStream, type RunnableServer } from './adapters/server.js';

export { Held, LockLostError, LockTimeoutError } from './lock/held.js';
export { Lock } from './lock/lock.js';
export type { LockOptions } from './lock/lock-options.js';
export { fencedRead, fencedWrite } from './lock/fenced-store.js';
export { ReadWriteLock } from './lock/read-write-lock.js';
export { Semaphore, type SemaphoreAttempt } from './lock/semaphore.js';
export { Redlock, type RedlockOptions } from './lock/redlock.js';

export {
  fixedWindow,
  gcra,
  limitKey,
  resetLimit,
  slidingLog,
  slidingWindow,
  take,
  takeAll,
  tokenBucket,
  type AllVerdicts,
  type LimitCheck,
  type RateLimit,
  type RateLimitKind,
  type Verdict,
} from './limits/rate-limit.js';
export { takePlace, type ConcurrencyVerdict } from './limits/concurrency-limit.js';
export { phoneLimit, phoneLimitScript, smsFailed, smsLimit, type SmsVerdict } from './limits/phone-limit.js';
export {
  expressLimit,
  fastifyLimit,
  honoLimit,
  type ExpressMiddleware,
  type ExpressResponse,
  type FastifyReply,
  type FastifyRequest,
  type HonoContext,
  type HonoRequestContext,
  type MiddlewareOptions,
  type SubjectLimit,
} from './limits/middleware.js';

export { Cache, type CacheOptions, type GetOptions } from './cache/cache.js';
export { WriteBehind, type PendingWrite, type WriteBehindOptions } from './cache/write-behind.js';
export { writeThrough } from './cache/write-through.js';

export { BloomFilter, type MembershipFilter } from './bloom/bloom-filter.js';
export { CountingBloomFilter } from './bloom/counting-bloom-filter.js';
export { openBloomFilter } from './bloom/open-bloom-filter.js';
export { ScalableBloomFilter } from './bloom/scalable-bloom-filter.js';
export { bloomErrorRate, bloomSize, type BloomSize } from './bloom/sizing.js';

export {
  Seckill,
  type Order,
  type Purchase,
  type Refusal,
  type SaleOptions,
  type Settlement,
} from './seckill/seckill.js';
export {
  fromSqlJs,
  SqliteOrders,
  type DatabaseBooks,
  type SqlDatabase,
  type SqlJsDatabase,
} from './seckill/sqlite-orders.js';
export { RedPacket, splitRedPacket, type Taken } from './seckill/red-packet.js';

export { Leaderboard, mergeTops, scoresOf, weekOf, type Place } from './data/leaderboard.js';
export { latest, pushLatest, Timeline, type TimelineEntry } from './data/timeline.js';
export { FriendGraph, Tags, type Suggestion } from './data/graph.js';
export { SignInCalendar, Visitors, type VisitorCount } from './data/visitors.js';
export { JobQueue, type Job, type JobQueueOptions } from './data/job-queue.js';
export { Sessions, type Session, type SessionOptions } from './data/sessions.js';
export { attributeKey, AttributeStore, type Attributes } from './data/attributes.js';
export { Autocomplete } from './data/autocomplete.js';
export { ExpiringSet } from './data/expiring-set.js';
export { firstTime } from './data/first-time.js';
export { Nearby, type NearbyPlace } from './data/nearby.js';
export { SpamFilter, type SpamOpinion } from './data/spam-filter.js';
export { TimeCounter } from './data/time-counter.js';

export {
  ketamaPlacement,
  moduloPlacement,
  movedShare,
  prefixPlacement,
  shardedJedisPlacement,
  skewReport,
  slotPlacement,
  type Placement,
  type Shard,
  type ShardedJedisOptions,
  type SkewReport,
} from './sharding/sharding.js';

export { QuorumError } from './replicas/ask-nodes.js';
export { NewestStore, type NewestOptions } from './replicas/newest-store.js';
export type { ReplicaOptions } from './replicas/replica-options.js';
export { SiblingStore, type Context, type Siblings } from './replicas/sibling-store.js';

export { type InvalidationListener, type InvalidationOptions, type Invalidations } from './near/invalidations.js';
export { ioredisClusterInvalidations, ioredisInvalidations } from './near/ioredis-invalidations.js';
export { NearCache, type NearCacheOptions } from './near/near-cache.js';
export { nodeRedisClusterInvalidations, nodeRedisInvalidations } from './near/node-redis-invalidations.js';
export { streamInvalidations, type ClosableStream } from './near/stream-invalidations.js';

export { htmlCharts, textChart } from './simulator/charts.js';
export type { Slice } from './simulator/measurements.js';
export {
  sceneNames,
  simulateCache,
  type SceneName,
  type SceneReport,
  type SimulationMachine,
  type SimulationOptions,
} from './simulator/simulate.js';
