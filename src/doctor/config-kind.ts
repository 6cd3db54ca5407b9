// config-kind: tells by its content which program a config file belongs to.

import { codisDefaults } from '../proxy/codis/codis-config.js';
import { dashboardDefaults } from '../proxy/codis/dashboard/dashboard-config.js';
import { oldProxyKeys } from './codis-history.js';

export const configKinds = ['redis', 'sentinel', 'nutcracker', 'codis-proxy', 'codis-dashboard'] as const;
export type ConfigKind = (typeof configKinds)[number];

function keysOf(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /^([A-Za-z0-9_-]+)\s*=/.exec(line)?.[1] ?? []);
}

/** Keys that both of codis's files have tell nothing: the name of the file does then. */
function codisKind(file: string, keys: readonly string[]): ConfigKind {
  const own = keys.filter((key) => !(Object.hasOwn(dashboardDefaults, key) && Object.hasOwn(codisDefaults, key)));
  const dashboard = own.filter((key) => Object.hasOwn(dashboardDefaults, key)).length;
  const proxy = own.filter((key) => Object.hasOwn(codisDefaults, key) || oldProxyKeys.has(key)).length;
  if (dashboard === proxy) return /dashboard/i.test(file) ? 'codis-dashboard' : 'codis-proxy';
  return dashboard > proxy ? 'codis-dashboard' : 'codis-proxy';
}

export function kindOf(file: string, text: string): ConfigKind {
  const lines = text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => !/^\s*(#|$)/.test(line));
  const keys = keysOf(lines);
  if (/\.toml$/i.test(file) || (keys.length > 0 && keys.length * 2 >= lines.length)) return codisKind(file, keys);
  const isPool = (line: string): boolean => /^(?:"[^"]*"|'[^']*'|[^\s#:]+)\s*:\s*(#.*)?$/.test(line);
  if (/\.ya?ml$/i.test(file) || (lines.length > 1 && isPool(lines[0]!) && /^\s/.test(lines[1]!))) return 'nutcracker';
  return lines.some((line) => /^\s*sentinel\s/i.test(line)) ? 'sentinel' : 'redis';
}
