// version: the names and versions of the programs. Clients look at the Redis version to know the commands that they may
// use.

/** The Redis version whose behaviour is served. */
export const SERVER_VERSION = '7.4.0';
/** The version of the package, which a test holds against package.json. */
export const KVASIR_VERSION = '0.1.0';
