// backup: an RDB file of each master, and nodes.json, which lists the owners of the slots.
import { mkdirSync, writeFileSync } from 'node:fs';
import { open, rename, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorText } from '../../base/system-error.js';
import { ByteSource } from '../../client/byte-source.js';
import { readSnapshot, readSnapshotHeader, SnapshotError } from '../../client/snapshot-transfer.js';
import { checkCluster } from '../check.js';
import { slotRanges, type ClusterNode } from '../cluster-node.js';
import type { Context } from '../context.js';
import { loadNamed } from './check.js';

export async function backup(context: Context, words: readonly string[]): Promise<boolean> {
  const { output } = context;
  const cluster = await loadNamed(context, words.slice(0, 1));
  if (cluster === undefined) return false;
  const isGood = await checkCluster(context, cluster);
  const folder = words[1]!;
  const entries = cluster.nodes.map((node) => describe(node, isGood ? 0 : cluster.problems.length));
  const path = `${folder}${folder.endsWith('/') ? '' : '/'}nodes.json`;
  if (context.options.dryRun) {
    output.print(`[dry run] would write ${path} and a file for each of ${cluster.masters.length} masters\n`);
    return true;
  }
  try {
    mkdirSync(folder, { recursive: true });
    for (const node of cluster.masters) await saveSnapshot(context, node, folder);
    output.info(`Saving cluster configuration to: ${path}\n`);
    writeFileSync(path, `[\n${entries.join(',\n')}\n]`);
  } catch (error) {
    if (error instanceof SnapshotError) output.complain(`${error.message}\n`);
    else output.error(`Could not save nodes to: ${path}\n${systemErrorText(error)}\n`);
    output.ok('[ERR] Failed to back cluster!\n');
    return false;
  }
  if (!isGood)
    output.warn(
      "*** Cluster seems to have some problems, please be aware of it if you're going to restore this backup.\n",
    );
  output.ok(`[OK] Backup created into: ${folder}\n`);
  output.report.folder = folder;
  return true;
}

/** An entry of nodes.json, with redis-cli's line ends. */
function describe(node: ClusterNode, problemCount: number): string {
  const moving = (slots: ReadonlyMap<number, string>): string =>
    `{${[...slots].map(([slot, id]) => `"${slot}": "${id}"`).join(',')}}`;
  const slots = slotRanges(node.slots).map(([first, last]) => (first === last ? `[${first}]` : `[${first},${last}]`));
  const fields = [
    `"name": "${node.id}"`,
    `"host": ${JSON.stringify(node.host)}`,
    `"port": ${node.port}`,
    `"replicate": ${node.replicates === undefined ? 'null' : `"${node.replicates}"`}`,
    `"slots": [${slots.join(',')}]`,
    `"slots_count": ${node.slotCount}`,
    `"flags": ${JSON.stringify(node.flags.filter((flag) => flag !== 'myself').join(','))}`,
    `"current_epoch": ${node.epoch}`,
    ...(problemCount > 0 ? [`"cluster_errors": ${problemCount}`] : []),
    ...(node.migrating.size > 0 ? [`"migrating": ${moving(node.migrating)}`] : []),
    ...(node.importing.size > 0 ? [`"importing": ${moving(node.importing)}`] : []),
  ];
  return `  {\n${fields.map((field) => `    ${field}`).join(',\n')}\n  }`;
}

/** Fetches the node's snapshot as a replica would; whole or not at all under its name. */
async function saveSnapshot(context: Context, node: ClusterNode, folder: string): Promise<void> {
  const { output } = context;
  output.info(`>>> Node ${node.name} -> Saving RDB...\n`);
  output.terminal.flush();
  const file = join(folder, `redis-node-${node.host}-${node.port}-${node.id}.rdb`);
  const shown = `${folder}${folder.endsWith('/') ? '' : '/'}redis-node-${node.host}-${node.port}-${node.id}.rdb`;
  await context.call(node, 'REPLCONF', 'rdb-only', '1');
  const { stream, rest } = node.connection!.detach();
  node.connection = undefined;
  let target: FileHandle | undefined;
  try {
    stream.write('SYNC\r\n');
    const source = new ByteSource(stream, rest);
    const header = await readSnapshotHeader(source);
    const amount =
      header.bytes === undefined ? 'writing bytes of bulk transfer until EOF marker' : `writing ${header.bytes} bytes`;
    output.terminal.complain(`SYNC sent to master, ${amount} to '${shown}'\n`);
    target = await open(`${file}.part`, 'w', 0o644);
    let bytes = 0;
    for await (const part of readSnapshot(source, header)) {
      await target.writeFile(part);
      bytes += part.length;
    }
    await target.sync();
    await target.close();
    target = undefined;
    await rename(`${file}.part`, file);
    output.terminal.complain(
      header.bytes === undefined
        ? `Transfer finished with success after ${bytes} bytes\n`
        : 'Transfer finished with success.\n',
    );
  } finally {
    await target?.close();
    stream.on('error', () => undefined);
    stream.destroy();
  }
}
