// core: the parts that all operations of a dashboard share: its state, one operation at a time, and slots for the
// proxies.
import type { LogLevel } from '../../../base/log-level.js';
import type { Clock } from '../../../io/clock.js';
import type { CodisSlot } from '../slot.js';
import type { Group, ProxyEntry, SlotMapping } from './models.js';
import { ProxyClient } from './proxy-client.js';
import type { ServerLinks } from './server-link.js';
import { slotFor } from './slot-view.js';
import type { Store } from './store.js';

export interface DashboardSettings {
  readonly productName: string;
  readonly productAuth: string;
  /** 0 sync, 1 semi-async. */
  readonly migrationMethod: 0 | 1;
  readonly parallelSlots: number;
  readonly asyncBulksMax: number;
  readonly asyncBytesMax: number;
  readonly asyncKeys: number;
  readonly migrationTimeoutMs: number;
  readonly sentinelClientTimeoutMs: number;
  readonly sentinelQuorum: number;
  readonly sentinelParallelSyncs: number;
  readonly sentinelDownAfterMs: number;
  readonly sentinelFailoverTimeoutMs: number;
  readonly sentinelNotificationScript: string;
  readonly sentinelReconfigScript: string;
}

export interface DashboardCore {
  readonly store: Store;
  readonly settings: DashboardSettings;
  readonly clock: Clock;
  readonly links: ServerLinks;
  log(level: LogLevel, text: string): void;
  /** Executors that move keys now; a promotion waits for none. */
  movingCount: number;
  /** No new move begins. */
  isDisabled: boolean;
  /** Microseconds between two steps of a move. */
  intervalMicros: number;
  /** Runs an operation alone; rejects while the dashboard has no lock, or has ended. */
  alone<T>(run: () => Promise<T>): Promise<T>;
}

export function groupOf(core: DashboardCore, id: number): Group {
  const group = core.store.groups.get(id);
  if (group === undefined) throw new Error(`group-[${id}] doesn't exist`);
  return group;
}

export function slotOf(core: DashboardCore, id: number): SlotMapping {
  const slot = core.store.slots[id];
  if (slot === undefined) throw new Error(`slot-[${id}] doesn't exist`);
  return slot;
}

export function clientOf(core: DashboardCore, proxy: ProxyEntry): ProxyClient {
  const { productName, productAuth } = core.settings;
  return new ProxyClient(proxy.admin_addr, productName, productAuth, proxy.token);
}

export function slotsFor(
  core: DashboardCore,
  slots: readonly SlotMapping[],
  proxy: ProxyEntry | undefined,
): CodisSlot[] {
  return slots.map((slot) => slotFor(core.store, slot, core.settings.migrationMethod, proxy));
}

/** Tells every proxy about some slots, all at once; rejects when one did not take it. */
export async function pushSlots(core: DashboardCore, slots: readonly SlotMapping[]): Promise<void> {
  if (slots.length === 0) return;
  const failures: string[] = [];
  await Promise.all(
    core.store.sortedProxies.map(async (proxy) => {
      try {
        await clientOf(core, proxy).fill(slotsFor(core, slots, proxy));
      } catch (error) {
        core.log(
          'warning',
          `proxy-[${proxy.token}] resync slots failed: ${error instanceof Error ? error.message : String(error)}`,
        );
        failures.push(proxy.token);
      }
    }),
  );
  if (failures.length > 0) throw new Error(`proxy-[${failures[0]}] resync slots failed`);
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
