// local-group: what the groups of the test kit show alike: nodes by name, and faults between them.

import type { VirtualClock } from '../io/virtual-clock.js';
import { NodeGroup } from './node-group.js';
import type { GroupOptions, TestGroup, TestServer } from './test-kit.js';
import type { LocalTestServer } from './test-server.js';

export class LocalGroup implements TestGroup {
  protected readonly group: NodeGroup;

  constructor(options: GroupOptions) {
    this.group = new NodeGroup(options);
  }

  get clock(): VirtualClock {
    return this.group.clock;
  }

  get names(): readonly string[] {
    return [...this.group.nodes.keys(), ...this.group.watchers.keys()];
  }

  protected get servers(): readonly LocalTestServer[] {
    return [...this.group.nodes.values()].map(({ server }) => server);
  }

  node(name: string): TestServer {
    return this.group.node(name).server;
  }

  nameOf(server: TestServer): string {
    for (const node of this.group.nodes.values()) if (node.server === server) return node.name;
    throw new Error('the server is no node of this group, or was killed');
  }

  kill(name: string): Promise<void> {
    return this.group.kill(name);
  }

  async restart(name: string): Promise<TestServer> {
    return (await this.group.restart(name)).server;
  }

  pause(name: string): void {
    this.group.pause(name);
  }

  resume(name: string): void {
    this.group.resume(name);
  }

  partition(side: readonly string[], other: readonly string[]): void {
    this.group.partition(side, other);
  }

  heal(): void {
    this.group.heal();
  }

  addLatency(milliseconds: number): void {
    this.group.addLatency(milliseconds);
  }

  settle(what: string, condition: () => boolean): Promise<void> {
    return this.group.settle(what, condition);
  }

  close(): Promise<void> {
    return this.group.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
