// sentinel-notes: what each `sentinel` directive does, and what has become of it since Redis 2.6.
//
// A test holds the names to those that the reader of sentinel.conf knows.

export interface SentinelNote {
  readonly meaning: string;
  /** The name that it has now. */
  readonly now?: string;
  /** The change, and its date. */
  readonly history?: string;
  /** It has no effect any more. */
  readonly isGone?: true;
}

const state = 'written by the sentinel itself: its state, not a setting';

export const sentinelNotes: Readonly<Record<string, SentinelNote>> = {
  monitor: { meaning: 'watches this master; the last number is how many sentinels must agree that it is down' },
  'down-after-milliseconds': { meaning: 'how long an instance may be silent before this sentinel takes it for down' },
  'failover-timeout': { meaning: 'how long a failover may take, and half of the pause between two of them' },
  'parallel-syncs': { meaning: 'how many replicas turn to a new master at the same time' },
  'notification-script': { meaning: 'runs for every event of the level warning' },
  'client-reconfig-script': { meaning: 'runs when the address of the master changes' },
  'can-failover': {
    meaning: 'one that must not is left out of the deployment',
    history: 'gone since Redis 2.8',
    isGone: true,
  },
  'auth-pass': { meaning: 'the password for the master and its replicas' },
  'auth-user': { meaning: 'the ACL user for the master and its replicas (since Redis 6)' },
  'rename-command': { meaning: 'the name that a command has on the servers of this master (since Redis 5)' },
  'master-reboot-down-after-period': {
    meaning: 'how long a master that has lost its data may stay without being replaced (since Redis 7)',
  },
  'stale-after': { meaning: 'forgets replicas and sentinels that were silent so long; only Kvasir has it' },
  vip: { meaning: 'an address that moves with the master; only Kvasir has it' },
  'config-epoch': { meaning: state },
  'leader-epoch': { meaning: state },
  'known-replica': { meaning: state },
  'known-slave': { meaning: state, now: 'known-replica', history: 'called known-replica since Redis 5' },
  'known-sentinel': { meaning: state },
  myid: { meaning: `${state} (since Redis 3)` },
  'current-epoch': { meaning: state },
  'announce-ip': { meaning: 'the address under which others find this sentinel' },
  'announce-port': { meaning: 'the port under which others find this sentinel' },
  'deny-scripts-reconfig': {
    meaning: 'SENTINEL SET changes no scripts; on unless "no" is written (since Redis 4.0.10)',
  },
  'resolve-hostnames': { meaning: 'names are allowed in the place of IP addresses (since Redis 6.2)' },
  'announce-hostnames': { meaning: 'others are told names, not IP addresses (since Redis 6.2)' },
  'sentinel-user': { meaning: 'the user with which this sentinel enters other sentinels (since Redis 6.2)' },
  'sentinel-pass': { meaning: 'the password with which this sentinel enters other sentinels (since Redis 6.2)' },
};
