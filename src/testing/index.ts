// The test kit's public face: `import { createServer } from 'kvasir/testing'`.

export { createServer } from './create-server.js';
export { createCluster, createReplicated, createSentinel } from './create-groups.js';
export type {
  ClusterOptions,
  DiskOperation,
  GroupOptions,
  NodeName,
  Preset,
  RecordedCommand,
  Recording,
  ReplicatedOptions,
  SentinelOptions,
  Snapshot,
  TestCluster,
  TestGroup,
  TestReplicated,
  TestSentinel,
  TestServer,
  TestServerOptions,
} from './test-kit.js';
export type { DataDump, DumpedValue, Fixtures, FixtureValue } from './data-dump.js';
export type { CallArgument, PlainReply } from './plain-reply.js';
export { RedisMemoryServer, type RedisInstanceData, type RedisMemoryServerOptions } from './redis-memory-server.js';
export { fakeTimersClock, virtualClock, type Duration, type VirtualClock } from '../io/virtual-clock.js';
