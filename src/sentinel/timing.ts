// timing: the periods and limits of a sentinel, in milliseconds; SENTINEL DEBUG shows and changes them.

export const defaultTiming = {
  'info-period': 10_000,
  'ping-period': 1000,
  'ask-period': 1000,
  'publish-period': 2000,
  'default-down-after': 30_000,
  'default-failover-timeout': 180_000,
  'tilt-trigger': 2000,
  'tilt-period': 30_000,
  'slave-reconf-timeout': 10_000,
  'min-link-reconnect-period': 15_000,
  'election-timeout': 10_000,
  'script-max-runtime': 60_000,
  'script-retry-delay': 30_000,
};

export type TimingName = keyof typeof defaultTiming;
export type Timing = Record<TimingName, number>;

/** In the order in which SENTINEL DEBUG lists them. */
export const timingNames = Object.keys(defaultTiming) as readonly TimingName[];

/** A failover begins at a random moment of so long, so that sentinels seldom compete for votes. */
export const DESYNC_MS_MAX = 1000;
/** INFO of a replica is asked for so often while its master is down or its link to it is broken. */
export const INFO_PERIOD_IN_FAILOVER_MS = 1000;
