// memory-server-package: `kvasir/redis-memory-server` in the place of the package redis-memory-server, with its default export.

import { RedisMemoryServer } from './redis-memory-server.js';

export { RedisMemoryServer, type RedisInstanceData, type RedisMemoryServerOptions } from './redis-memory-server.js';

// eslint-disable-next-line no-restricted-syntax -- as the package of that name, so that only the import's path changes
export default RedisMemoryServer;
