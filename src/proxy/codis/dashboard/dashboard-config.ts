// dashboard-config: dashboard.toml of codis 3.2: every key with its default, checked as codis-dashboard checks it.
import type { Mistake } from '../../config/yml.js';
import {
  defaultText,
  durationMs,
  productMistake,
  readSettings,
  sizeBytes,
  type TomlSettings,
} from '../toml-settings.js';
import type { TomlValue } from '../toml.js';
import { coordinatorKind } from './coordinator.js';
import type { DashboardSettings } from './core.js';

export const dashboardDefaults: TomlSettings = {
  coordinator_name: 'filesystem',
  coordinator_addr: '/tmp/codis',
  coordinator_auth: '',
  product_name: 'codis-demo',
  product_auth: '',
  admin_addr: '0.0.0.0:18080',
  migration_method: 'semi-async',
  migration_parallel_slots: 100,
  migration_async_maxbulks: 200,
  migration_async_maxbytes: '32mb',
  migration_async_numkeys: 500,
  migration_timeout: '30s',
  sentinel_client_timeout: '10s',
  sentinel_quorum: 2,
  sentinel_parallel_syncs: 1,
  sentinel_down_after: '30s',
  sentinel_failover_timeout: '5m',
  sentinel_notification_script: '',
  sentinel_client_reconfig_script: '',
};

const methods: Readonly<Record<string, 0 | 1>> = { sync: 0, 'semi-async': 1 };

function refuse(key: string, value: TomlValue): string | undefined {
  if (key === 'product_name') return productMistake(value);
  if (key === 'migration_method')
    return Object.hasOwn(methods, String(value)) ? undefined : `invalid ${key}: "sync" or "semi-async"`;
  if (key === 'admin_addr') return /^.+:\d{1,5}$/.test(String(value)) ? undefined : `invalid ${key}: host:port`;
  if (key === 'coordinator_name') {
    try {
      coordinatorKind(String(value));
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  }
  const amount = typeof value === 'number' ? value : Math.max(durationMs(value) || 0, sizeBytes(value) || 0);
  const isAmount = typeof dashboardDefaults[key] === 'number' || /^\d/.test(String(dashboardDefaults[key]));
  return isAmount && !(amount > 0) ? `invalid ${key}: it must be more than 0` : undefined;
}

export function readDashboardConfig(text: string): {
  readonly config: TomlSettings;
  readonly mistakes: readonly Mistake[];
} {
  return readSettings(text, 'dashboard.toml', dashboardDefaults, refuse);
}

/** What --default-config prints. */
export function defaultDashboardConfig(): string {
  return defaultText('dashboard.toml: the keys of codis-dashboard 3.2 with their defaults.', dashboardDefaults);
}

export function settingsOf(config: TomlSettings): DashboardSettings {
  const text = (key: string): string => String(config[key]);
  const count = (key: string): number => Number(config[key]);
  return {
    productName: text('product_name'),
    productAuth: text('product_auth'),
    migrationMethod: methods[text('migration_method')]!,
    parallelSlots: count('migration_parallel_slots'),
    asyncBulksMax: count('migration_async_maxbulks'),
    asyncBytesMax: sizeBytes(config.migration_async_maxbytes!),
    asyncKeys: count('migration_async_numkeys'),
    migrationTimeoutMs: durationMs(config.migration_timeout!),
    sentinelClientTimeoutMs: durationMs(config.sentinel_client_timeout!),
    sentinelQuorum: count('sentinel_quorum'),
    sentinelParallelSyncs: count('sentinel_parallel_syncs'),
    sentinelDownAfterMs: durationMs(config.sentinel_down_after!),
    sentinelFailoverTimeoutMs: durationMs(config.sentinel_failover_timeout!),
    sentinelNotificationScript: text('sentinel_notification_script'),
    sentinelReconfigScript: text('sentinel_client_reconfig_script'),
  };
}
