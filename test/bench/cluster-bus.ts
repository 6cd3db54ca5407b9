// cluster-bus: the bytes that the bus of a large cluster carries at rest, in a simulated world, where no machine is too small for it.
import { SLOT_COUNT } from '../../src/base/key-slot.js';
import * as commands from '../../src/cluster/commands.js';
import { CLIENT_PORT, SimulatedNode } from '../../src/simulation/cluster-node.js';
import { Host } from '../../src/simulation/host.js';
import { SimulatedNetwork } from '../../src/simulation/network.js';
import { World } from '../../src/simulation/world.js';

const NODE_TIMEOUT_MS = 15_000;
const MEASURED_MS = 60_000;
const WAIT_MS_MAX = 600_000;

/** Bytes a second that a node sends. */
export async function measureBus(count: number): Promise<number> {
  const world = new World(1);
  const net = new SimulatedNetwork(world);
  const byAddress = new Map<string, SimulatedNode>();
  const nodes = Array.from({ length: count }, (_, index) => {
    const address = `10.9.0.${index + 1}`;
    const settings = { nodeTimeoutMs: NODE_TIMEOUT_MS, pingIntervalMs: NODE_TIMEOUT_MS / 2 };
    const node = new SimulatedNode(
      new Host(world, net, `n${index}`, address),
      net,
      (at) => byAddress.get(at),
      settings,
    );
    byAddress.set(address, node);
    return node;
  });
  for (const node of nodes) node.start();
  await world.runUntil('all have started', WAIT_MS_MAX, () => nodes.every(({ isUp }) => isUp));
  let sentBytes = 0;
  for (const [index, node] of nodes.entries()) {
    const { links } = node.runner!;
    const send = links.send.bind(links);
    links.send = (link, bytes) => {
      sentBytes += bytes.length;
      send(link, bytes);
    };
    node.runner!.change((bus) => {
      commands.setConfigEpoch(bus, index + 1);
      const first = Math.floor((index * SLOT_COUNT) / count);
      const next = Math.floor(((index + 1) * SLOT_COUNT) / count);
      commands.addSlots(
        bus,
        Array.from({ length: next - first }, (_, offset) => first + offset),
      );
      if (index > 0) commands.meet(bus, nodes[0]!.host.address, CLIENT_PORT, 0);
    });
  }
  await world.runUntil('all know each other', WAIT_MS_MAX, () =>
    nodes.every(({ state }) => state.nodes.size === count && state.isOk),
  );
  await world.run(2 * NODE_TIMEOUT_MS);
  sentBytes = 0;
  await world.run(MEASURED_MS);
  return (sentBytes * 1000) / MEASURED_MS / count;
}
