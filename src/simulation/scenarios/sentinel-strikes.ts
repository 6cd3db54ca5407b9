// sentinel-strikes: what may happen to a deployment of sentinels, one thing at a time.

import type { Prng } from '../../base/prng.js';
import type { Host } from '../host.js';
import type { World } from '../world.js';
import { type Deployment, DOWN_AFTER_MS } from './sentinel-deployment.js';

/** Each lasts for a while and leaves links as usual, and processes running. */
type Strike = (world: World, deployment: Deployment) => Promise<void>;

function without(hosts: readonly Host[], side: readonly Host[]): Host[] {
  return hosts.filter((host) => !side.includes(host));
}

function half(random: Prng, hosts: readonly Host[], percent: number): Host[] {
  return hosts.filter(() => random.chance(percent));
}

/** The master more often than others. */
function server({ world: { random }, servers, agreed }: Deployment) {
  return random.chance(60) ? (agreed ?? random.pick(servers)) : random.pick(servers);
}

const killServer: Strike = async (world, deployment) => {
  const victim = server(deployment);
  victim.host.kill();
  await world.run(world.random.below(20_000));
  victim.start();
};

const loseSentinel: Strike = async (world, { sentinels }) => {
  const victim = world.random.pick(sentinels);
  if (world.random.chance(50)) victim.host.kill();
  else victim.host.powerOff();
  await world.run(world.random.below(10_000));
  victim.start();
};

/** Any two sides; sometimes one of them is the master alone, a sentinel alone, or all servers. */
const split: Strike = async (world, deployment) => {
  const { random } = world;
  const { net, hosts, servers, sentinels } = deployment;
  const side = random.pick([
    half(random, hosts, 40),
    [server(deployment).host],
    [random.pick(sentinels).host],
    servers.map(({ host }) => host),
    half(
      random,
      sentinels.map(({ host }) => host),
      50,
    ),
  ]);
  net.partition(side, without(hosts, side));
  await world.run(random.below(25_000));
  net.heal();
};

/** Sentinels that do not hear each other and see all servers, or the other way round. */
const splitByKind: Strike = async (world, { net, servers, sentinels }) => {
  const { random } = world;
  const watchers = sentinels.map(({ host }) => host);
  const watched = servers.map(({ host }) => host);
  if (random.chance(50)) for (const host of watchers) net.partition([host], without(watchers, [host]));
  else for (const host of watched) net.partition([host], without(watched, [host]));
  await world.run(random.below(25_000));
  net.heal();
};

/** Every host reaches only some, and not always the other way round. */
const mesh: Strike = async (world, { net, hosts }) => {
  const { random } = world;
  for (const from of hosts) for (const to of hosts) if (from !== to && random.chance(25)) net.cutOneWay(from, to);
  await world.run(random.below(25_000));
  net.heal();
};

const cutOneWay: Strike = async (world, deployment) => {
  const { random } = world;
  const { net, hosts, sentinels } = deployment;
  net.cutOneWay(random.pick(hosts), random.pick(hosts));
  net.cutOneWay(server(deployment).host, random.pick(sentinels).host);
  await world.run(random.below(25_000));
  net.heal();
};

/** A cable with a loose contact. */
const flap: Strike = async (world, deployment) => {
  const { random } = world;
  const { net, hosts } = deployment;
  const side = [server(deployment).host, ...half(random, hosts, 20)];
  for (let round = 2 + random.below(8); round > 0; round--) {
    net.partition(side, without(hosts, side));
    await world.run(random.below(4000));
    net.heal();
    await world.run(random.below(2000));
  }
};

const pause: Strike = async (world, deployment) => {
  const victim = world.random.chance(50) ? server(deployment).host : world.random.pick(deployment.sentinels).host;
  victim.pause();
  await world.run(world.random.below(12_000));
  victim.resume();
};

const slowLinks: Strike = async (world, { net, hosts }) => {
  const { random } = world;
  const slow = random.pick(hosts);
  for (const other of hosts) Object.assign(net.link(slow, other), { latencyMs: random.below(1500), jitterMs: 500 });
  await world.run(random.below(20_000));
  net.heal();
};

const setClock: Strike = ({ random }, { sentinels }) => {
  const jump = random.chance(50) ? -random.below(100_000) : random.below(4_000_000);
  random.pick(sentinels).host.wallErrorMs += jump;
  return Promise.resolve();
};

/** The master dies while a sentinel does, too. */
const loseBoth: Strike = async (world, deployment) => {
  const { random } = world;
  const master = server(deployment);
  const sentinel = random.pick(deployment.sentinels);
  master.host.kill();
  await world.run(DOWN_AFTER_MS + random.below(3000));
  sentinel.host.powerOff();
  await world.run(random.below(5000));
  sentinel.start();
  await world.run(random.below(5000));
  master.start();
};

/** A server dies while the disks of some sentinels are full: they go on from memory, and save when they can. */
const fullDisks: Strike = async (world, deployment) => {
  const { random } = world;
  const full = half(
    random,
    deployment.sentinels.map(({ host }) => host),
    50,
  );
  for (const { files } of full) files.fail(random.pick(['write', 'sync', 'rename']), 'ENOSPC');
  await killServer(world, deployment);
  for (const { files } of full) files.heal();
};

/** Power fails at the moment when votes are given and saved. */
const torn: Strike = async (world, deployment) => {
  const { random } = world;
  const master = server(deployment);
  const victims = half(
    random,
    deployment.sentinels.map(({ host }) => host),
    60,
  );
  master.host.kill();
  const epochs = (): number =>
    deployment.sentinels.reduce((sum, { server: each }) => sum + (each?.state.currentEpoch ?? 0), 0);
  const before = epochs();
  await world.run(DOWN_AFTER_MS + 10_000, () => epochs() !== before);
  for (const victim of victims) {
    await world.run(random.unit() * 3);
    victim.powerOff();
  }
  await world.run(random.below(3000));
  for (const process of deployment.sentinels) if (victims.includes(process.host)) process.start();
  await world.run(random.below(5000));
  master.start();
};

export const strikes: readonly Strike[] = [
  killServer,
  loseSentinel,
  split,
  splitByKind,
  mesh,
  cutOneWay,
  flap,
  pause,
  slowLinks,
  setClock,
  loseBoth,
  fullDisks,
  torn,
];
