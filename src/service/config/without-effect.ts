// without-effect: settings whose feature is missing yet: the log names each at the start, so that nobody relies on it.
import type { Config } from './config.js';

interface MissingFeature {
  readonly directive: string;
  readonly isWanted: (config: Config) => boolean;
  /** The behaviour of the server instead. */
  readonly effect: string;
}

const missingFeatures: readonly MissingFeature[] = [
  {
    directive: 'syslog-enabled',
    isWanted: (config) => config.flag('syslog-enabled').value,
    effect: 'there is no way to the system log from here; the log goes to logfile or standard output',
  },
];

/** A line for each setting of this configuration that has no effect. */
export function withoutEffect(config: Config): string[] {
  return missingFeatures
    .filter(({ isWanted }) => isWanted(config))
    .map(({ directive, effect }) => `${directive}: ${effect}`);
}
