// The public face of the package: servers inside your own process.

export type { LogLevel } from './base/log-level.js';
export type { Directives, Flag, Words } from './embed/directives.js';
export { startServer, type EmbeddedServer, type StartOptions } from './embed/start-server.js';
export type { Clock, Timer } from './io/clock.js';
export { fakeTimersClock, virtualClock, type Duration, type VirtualClock } from './io/virtual-clock.js';
