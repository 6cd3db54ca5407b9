// watched-servers: keeps the monitor's targets equal to the list of servers.
import type { Clock } from '../io/clock.js';
import type { Monitor } from '../monitor/monitor.js';
import { ServerLink } from './link/server-link.js';
import type { ServerEntry, Servers } from './store/servers.js';

export class WatchedServers {
  private readonly links = new Map<string, ServerLink>();

  constructor(
    private readonly monitor: Monitor,
    private readonly servers: Servers,
    private readonly clock: Clock,
    private readonly log: (text: string) => void,
  ) {
    for (const entry of servers.all) this.watch(entry);
    servers.listeners.push((id) => this.follow(id));
  }

  close(): void {
    for (const link of this.links.values()) link.close();
  }

  private watch(entry: ServerEntry): void {
    const connect = async (): ReturnType<ServerLink['open']> => {
      // Made late: a password that cannot be decrypted is a reason why the server is down, and not why the program ends.
      const login = { user: entry.user, password: this.servers.passwordOf(entry) };
      const link = this.links.get(entry.id) ?? new ServerLink(entry, login, this.clock);
      this.links.set(entry.id, link);
      return link.open(0);
    };
    this.monitor.addTarget({ id: entry.id, name: entry.name, connect });
  }

  private follow(id: string): void {
    this.links.get(id)?.close();
    this.links.delete(id);
    const entry = this.servers.find(id);
    if (entry !== undefined) this.watch(entry);
    else
      this.monitor
        .removeTarget(id, { forget: true })
        .catch((error: unknown) => this.log(`cannot forget the history of ${id}: ${String(error)}`));
  }
}
