// local-group: what the groups of the test kit show alike: nodes by name, and faults between them.

import type { VirtualClock } from '../io/virtual-clock.js';
import { NodeGroup } from './node-group.js';
import type { GroupOptions, NodeName, TestGroup, TestServer } from './test-kit.js';
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

  private named(node: NodeName): string {
    return typeof node === 'string' ? node : this.nameOf(node);
  }

  pause(node: NodeName): void {
    this.group.pause(this.named(node));
  }

  resume(node: NodeName): void {
    this.group.resume(this.named(node));
  }

  partition(side: readonly NodeName[], other: readonly NodeName[]): void {
    this.group.partition(
      side.map((node) => this.named(node)),
      other.map((node) => this.named(node)),
    );
  }

  heal(side?: readonly NodeName[], other?: readonly NodeName[]): void {
    this.group.heal(
      side?.map((node) => this.named(node)),
      other?.map((node) => this.named(node)),
    );
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
