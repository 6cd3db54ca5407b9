// join-dashboard: a proxy that is started with the address of its dashboard, or of the coordinator that knows it, asks to be taken in.
import type { LogLevel } from '../../base/log-level.js';
import { type Clock, delay } from '../../io/clock.js';
import { callApi, pathOf } from '../doors/http-client.js';
import { makeCoordinator } from './dashboard/make-coordinator.js';
import { Store } from './dashboard/store.js';
import { xauthOf } from './identity.js';

const RETRY_MS = 2000;
const TIMEOUT_MS = 20_000;

async function dashboardOf(product: string, flags: ReadonlyMap<string, string>, clock: Clock): Promise<string> {
  const given = flags.get('dashboard');
  if (given !== undefined) return given;
  const kind = flags.has('filesystem') ? 'filesystem' : 'redis';
  const coordinator = makeCoordinator(clock, kind, flags.get(kind)!, flags.get('redis-auth') ?? '');
  try {
    const holder = await new Store(coordinator, product).lockHolder();
    if (holder === undefined) throw new Error(`product ${product} has no dashboard yet`);
    return holder.admin_addr;
  } finally {
    coordinator.close();
  }
}

/** Asks until the dashboard has taken the proxy in; at once nothing when no flag names one. */
export function joinDashboard(
  adminAddress: string,
  product: string,
  flags: ReadonlyMap<string, string>,
  clock: Clock,
  log: (level: LogLevel, text: string) => void,
): void {
  if (!['dashboard', 'filesystem', 'redis'].some((name) => flags.has(name))) return;
  const join = async (): Promise<void> => {
    for (;;) {
      try {
        const dashboard = await dashboardOf(product, flags, clock);
        const path = pathOf('api', 'topom', 'proxy', 'online', xauthOf(product), adminAddress);
        await callApi('PUT', dashboard, path, undefined, TIMEOUT_MS);
        log('notice', `the dashboard at ${dashboard} has taken this proxy in`);
        return;
      } catch (error) {
        log(
          'warning',
          `the dashboard has not taken this proxy in yet: ${error instanceof Error ? error.message : String(error)}`,
        );
        await delay(clock, RETRY_MS);
      }
    }
  };
  void join();
}
