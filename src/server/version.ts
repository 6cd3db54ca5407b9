// version: what the server says it is. Clients look at the Redis version to know what they may use.

/** The Redis version whose behaviour is served. */
export const SERVER_VERSION = '7.4.0';
export const KVASIR_VERSION = '0.1.0';
