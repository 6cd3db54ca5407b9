// monitor-port: what the admin needs of the monitor: history, events and alerts of the servers of its list.
import type { Connection } from '../client/connection.js';

export interface MonitorPort {
  addTarget(target: { id: string; name: string; connect: () => Promise<Connection> }): void;
  removeTarget(id: string): void;
  series(targetId: string, metric: string, fromMs: number, toMs: number, stepMs: number): { t: number[]; v: number[] };
  events(targetId: string | undefined, fromMs: number, toMs: number): unknown[];
}
