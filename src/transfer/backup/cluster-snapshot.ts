// cluster-snapshot: one file for each master of a cluster, all of the same slots.
//
// The snapshots begin at the same time, and each is of one moment of its master. Keys whose slot moves between two of these moments
// would be in two files or in none, so the map of slots is read before and after: a slot that is open (MIGRATING or IMPORTING) ends the
// backup, and so does a map that goes on changing.

import { rmSync } from 'node:fs';
import { addTo } from '../../base/grouped.js';
import { replyText } from '../../client/reply.js';
import { addressText, type NodeAddress } from '../../client/slot-map.js';
import type { ServerAddress } from '../link/address.js';
import { isClusterNode, nodeAddress, readSlotMap } from '../link/cluster.js';
import { Pipeline } from '../link/pipeline.js';
import { TransferError } from '../record/record.js';
import { type NodeView, readTopology, slotsText } from '../sync/topology.js';
import { clusterLabel } from './backup-name.js';
import { serverSnapshot } from './snapshot.js';
import { type MadeBackup, type MadeFile, makeFile, type MakeOptions } from './store.js';

const TRIES_MAX = 3;

export interface Shard {
  readonly nodeId: string;
  readonly address: ServerAddress;
  /** Ranges, as 0-5460,12706. */
  readonly slots: string;
}

/** Asks a server something, and gives it up when it is silent. */
async function ask<T>(
  address: ServerAddress,
  stallMs: number,
  question: (pipeline: Pipeline) => Promise<T>,
): Promise<T> {
  const pipeline = await Pipeline.open(address);
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    const end = (): void => reject(new TransferError(`${address.name} sent nothing for ${stallMs / 1000} seconds`));
    timer = setTimeout(end, stallMs);
  });
  try {
    return await Promise.race([question(pipeline), silence]);
  } finally {
    clearTimeout(timer);
    pipeline.close();
  }
}

/** Whether the server is a node of a cluster; false also where it does not tell. */
export function isInCluster(address: ServerAddress, stallMs: number): Promise<boolean> {
  return ask(address, stallMs, isClusterNode);
}

async function viewOf(seed: ServerAddress, asked: NodeAddress, stallMs: number): Promise<NodeView> {
  const text = await ask(nodeAddress(seed, asked), stallMs, (pipeline) => pipeline.must('CLUSTER', 'NODES'));
  return { asked, text: replyText(text) };
}

/** The masters that serve slots, by their first slot. */
export async function readShards(seed: ServerAddress, stallMs: number): Promise<Shard[]> {
  const map = await ask(seed, stallMs, (pipeline) => readSlotMap(pipeline, seed));
  const topology = readTopology(await Promise.all(map.shards.map(({ master }) => viewOf(seed, master, stallMs))));
  const { owners, open, addresses } = topology;
  if (open.size > 0)
    throw new TransferError(
      `cluster of ${seed.name}: slots ${slotsText([...open].sort((a, b) => a - b))} are being moved; back up when they have arrived`,
    );
  const missing = owners.flatMap((id, slot) => (id === undefined ? [slot] : []));
  if (missing.length > 0)
    throw new TransferError(`cluster of ${seed.name}: no node serves the slots ${slotsText(missing)}`);
  const slots = new Map<string, number[]>();
  owners.forEach((id, slot) => addTo(slots, id!, slot));
  return [...slots].map(([nodeId, list]) => ({
    nodeId,
    address: nodeAddress(seed, addresses.get(nodeId)!),
    slots: slotsText(list),
  }));
}

function sameShards(one: readonly Shard[], other: readonly Shard[]): boolean {
  const textOf = (shards: readonly Shard[]): string =>
    shards.map(({ nodeId, slots }) => `${nodeId} ${slots}`).join('\n');
  return textOf(one) === textOf(other);
}

export interface ClusterMakeOptions extends Omit<MakeOptions, 'shard'> {
  readonly seed: ServerAddress;
  readonly stallMs: number;
  readonly say: (text: string) => void;
}

/** All files or none: when one shard fails, the others end and go. */
async function makeFiles(shards: readonly Shard[], options: ClusterMakeOptions): Promise<MadeFile[]> {
  const { stallMs, signal } = options;
  const ending = new AbortController();
  const end = (): void => ending.abort();
  signal.addEventListener('abort', end);
  let failure: unknown;
  const settled = await Promise.allSettled(
    shards.map(async ({ address }, place) => {
      const shard = { index: place + 1, count: shards.length };
      try {
        return await makeFile(serverSnapshot(address, stallMs), { ...options, shard, signal: ending.signal });
      } catch (error) {
        // The first one is the reason for the others.
        failure ??= error;
        end();
        throw error;
      }
    }),
  );
  signal.removeEventListener('abort', end);
  const made = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  if (made.length === shards.length) return made;
  forget(made);
  throw failure;
}

function forget(files: readonly MadeFile[]): void {
  for (const { path } of files) rmSync(path, { force: true });
}

function linesAbout(shards: readonly Shard[], files: readonly MadeFile[]): string[] {
  return [
    `# ${shards.length} masters of a cluster; kvasir-backup restore --into HOST:PORT puts all of them into another one`,
    ...shards.map(({ nodeId, address, slots }, place) => {
      const { host, port } = address.endpoint;
      return `# ${files[place]!.name.file}: slots ${slots} of ${nodeId} at ${addressText({ host, port })}`;
    }),
  ];
}

/** The snapshots of all masters as files in the work folder. */
export async function makeClusterFiles(options: ClusterMakeOptions): Promise<MadeBackup> {
  const { seed, stallMs, name, timeMs } = options;
  let shards = await readShards(seed, stallMs);
  for (let tries = 1; ; tries++) {
    const files = await makeFiles(shards, options);
    let after: Shard[];
    try {
      after = await readShards(seed, stallMs);
    } catch (error) {
      forget(files);
      throw error;
    }
    if (sameShards(shards, after)) return { file: clusterLabel(name, timeMs), files, about: linesAbout(shards, files) };
    forget(files);
    if (tries === TRIES_MAX)
      throw new TransferError(`cluster of ${seed.name}: slots or masters changed during ${tries} tries to back it up`);
    options.say(`cluster of ${seed.name}: slots or masters changed meanwhile; taking the snapshots again`);
    shards = after;
  }
}
