// profile: an old server, or another one, as which a server can answer: its name, and the version that it says it is.
//
// The versions are the last of their line that were released with that name, because the last one is what ran for years.
// Valkey forked from Redis 7.2.4, says so in redis_version for old clients, and has counted on from there by its own numbers.

export interface Profile {
  /** The word of the directive. */
  readonly name: string;
  readonly product: 'redis' | 'valkey';
  /** Value of redis_version. */
  readonly version: string;
  /** Value of valkey_version; empty for Redis. */
  readonly valkeyVersion: string;
  /** `version` as one number, see `versionNumber`. */
  readonly number: number;
}

/** '7.0.15' as 70015. */
export function versionNumber(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return major * 10_000 + minor * 100 + patch;
}

function redis(line: string, version: string): Profile {
  return { name: `redis-${line}`, product: 'redis', version, valkeyVersion: '', number: versionNumber(version) };
}

const VALKEY_REDIS_VERSION = '7.2.4';

export const profiles: readonly Profile[] = [
  redis('2.0', '2.0.5'),
  redis('2.2', '2.2.15'),
  redis('2.4', '2.4.18'),
  redis('2.6', '2.6.17'),
  redis('2.8', '2.8.24'),
  redis('3.0', '3.0.7'),
  redis('3.2', '3.2.13'),
  redis('4.0', '4.0.14'),
  redis('5.0', '5.0.14'),
  redis('6.0', '6.0.20'),
  redis('6.2', '6.2.16'),
  redis('7.0', '7.0.15'),
  redis('7.2', '7.2.6'),
  redis('7.4', '7.4.1'),
  redis('8.0', '8.0.0'),
  {
    name: 'valkey-8',
    product: 'valkey',
    version: VALKEY_REDIS_VERSION,
    valkeyVersion: '8.0.1',
    number: versionNumber(VALKEY_REDIS_VERSION),
  },
];

/** The profile of a directive's word; undefined for `no`. */
export function findProfile(name: string): Profile | undefined {
  return profiles.find((profile) => profile.name === name);
}

/** Whether the server of a profile is older than this version of Redis. */
export function isBefore(profile: Profile, version: string): boolean {
  return profile.number < versionNumber(version);
}
