// restore-aof: the data as it was at an earlier moment, from the append-only file, into a new data folder.
//
//   kvasir-check-aof --restore-to <new folder> [--before-last <command>|--until-timestamp <seconds>|--until-offset <bytes>] <file>
//
// Undoing a FLUSHALL used to mean editing the file by hand: this copies the files up to the command (by default the last
// FLUSHALL or FLUSHDB), to the last second that is wanted (with aof-timestamp-enabled), or to an offset in the last file.
// The original is only read. A transaction is copied as a whole or not at all. A server is then started on the new folder.
//
// Only what the file still holds can be restored: a rewrite after the FLUSHALL has dropped what was before.

import { dirname } from 'node:path';
import { systemErrorText } from '../base/system-error.js';
import { AofItem, AofReader } from '../persistence/aof/reader.js';
import { type AofFile, AofManifest, ManifestError, parseManifest } from '../persistence/aof/manifest.js';
import { type Files, type OpenFile, readWhole, writeFully } from '../io/files.js';
import { RdbChecker } from './check-rdb.js';

const CHUNK_BYTES = 1 << 20;
const FOLDER_NAME = 'appendonlydir';
const FILE_NAME = 'appendonly.aof';

export type RestorePoint =
  | { readonly kind: 'command'; readonly names: readonly string[] }
  | { readonly kind: 'timestamp'; readonly seconds: number }
  | { readonly kind: 'offset'; readonly bytes: number };

/** The reason why a file cannot be restored, in words for the user. */
export class RestoreError extends Error {}

interface Cut {
  /** Index of the file in which the cut is. */
  readonly file: number;
  readonly offset: number;
  /** Commands before it. */
  readonly commands: number;
  readonly reason: string;
}

export interface RestoreResult {
  readonly folder: string;
  readonly file: string;
  readonly offset: number;
  readonly commands: number;
  readonly reason: string;
}

interface Source {
  readonly name: string;
  readonly path: string;
  readonly type: AofFile['type'];
}

/** Copies what is before the point into `target`, which must be new or empty. */
export function restoreAof(
  files: Files,
  path: string,
  target: string,
  point: RestorePoint,
  nowMs: number,
): RestoreResult {
  const sources = findSources(files, path);
  const cut = findCut(files, sources, point, nowMs);
  if (files.list(target).length > 0) throw new RestoreError(`The folder ${target} is not empty. Name a new one.`);
  files.makeFolder(target);
  const folder = `${target}/${FOLDER_NAME}`;
  files.makeFolder(folder);
  const manifest = new AofManifest(FILE_NAME);
  sources.slice(0, cut.file + 1).forEach((source, index) => {
    const file =
      source.type === 'base' ? manifest.replaceBase(source.name.endsWith('.rdb'), undefined) : manifest.addIncr();
    copyFile(files, source.path, `${folder}/${file.name}`, index === cut.file ? cut.offset : files.sizeOf(source.path));
  });
  manifest.save(files, folder);
  files.syncFolder(target);
  return {
    folder: target,
    file: sources[cut.file]!.name,
    offset: cut.offset,
    commands: cut.commands,
    reason: cut.reason,
  };
}

/** Where `restoreAof` would cut; nothing is written. */
export function planRestore(
  files: Files,
  path: string,
  point: RestorePoint,
  nowMs: number,
): Omit<RestoreResult, 'folder'> {
  const sources = findSources(files, path);
  const { file, offset, commands, reason } = findCut(files, sources, point, nowMs);
  return { file: sources[file]!.path, offset, commands, reason };
}

function findSources(files: Files, path: string): Source[] {
  const head = new Uint8Array(4);
  let file: OpenFile;
  try {
    file = files.open(path, 'read');
  } catch (error) {
    throw new RestoreError(`Cannot open file ${path}: ${systemErrorText(error)}`);
  }
  try {
    file.read(head, 0, 4, 0);
  } finally {
    file.close();
  }
  const isManifest = String.fromCharCode(...head) === 'file' || head[0] === 0x23;
  if (!isManifest || path.endsWith('.aof')) return [{ name: path, path, type: 'base' }];
  return liveFiles(files, path).map(({ name, type }) => ({
    name,
    type,
    path: `${dirname(path)}/${name}`,
  }));
}

function liveFiles(files: Files, path: string): AofFile[] {
  try {
    return parseManifest(readWhole(files, path), '').live;
  } catch (error) {
    if (error instanceof ManifestError) throw new RestoreError(`${path}: ${error.message}`);
    throw error;
  }
}

function readChunk(file: OpenFile, position: number): Uint8Array {
  const chunk = new Uint8Array(CHUNK_BYTES);
  return chunk.subarray(0, file.read(chunk, 0, CHUNK_BYTES, position));
}

/** Walks through all files in order until the point, or to the end for the last of several. */
class CutFinder {
  found: Cut | undefined;
  hasTimestamps = false;
  private commands = 0;
  /** Where the open transaction began, -1 outside of one. */
  private transactionAt = -1;
  private commandsBefore = 0;

  constructor(
    private readonly point: RestorePoint,
    private readonly lastFile: number,
  ) {}

  /** False: the point was passed. */
  walk(file: OpenFile, index: number, start: number): boolean {
    const reader = new AofReader(start);
    let position = start;
    for (;;) {
      const item = reader.next();
      if (item === AofItem.command) {
        if (!this.takeCommand(reader, index)) return false;
      } else if (item === AofItem.annotation) {
        if (!this.takeTimestamp(reader, index)) return false;
      } else if (item === AofItem.malformed) {
        throw new RestoreError(
          `${file.path} is malformed at offset ${reader.itemOffset}: check it with kvasir-check-aof first`,
        );
      } else {
        const chunk = readChunk(file, position);
        if (chunk.length === 0) break;
        reader.push(chunk);
        position += chunk.length;
      }
    }
    if (this.point.kind === 'offset' && index === this.lastFile) {
      if (this.point.bytes > position)
        throw new RestoreError(`${file.path} has ${position} bytes: there is no offset ${this.point.bytes}`);
      this.found ??= { file: index, offset: reader.offset, commands: this.commands, reason: 'the end of the file' };
    }
    return true;
  }

  private cutAt(index: number, offset: number, reason: string): void {
    const inside = this.transactionAt >= 0;
    this.found = {
      file: index,
      offset: inside ? this.transactionAt : offset,
      commands: inside ? this.commandsBefore : this.commands,
      reason,
    };
  }

  private takeCommand(reader: AofReader, index: number): boolean {
    const { point } = this;
    const name = reader.lengths[0]! <= 16 ? reader.text(0).toUpperCase() : '';
    if (point.kind === 'offset' && index === this.lastFile && reader.offset > point.bytes) {
      this.cutAt(index, reader.itemOffset, `offset ${point.bytes}`);
      return false;
    }
    if (point.kind === 'command' && point.names.includes(name))
      this.cutAt(index, reader.itemOffset, `before the last ${name}`);
    if (name === 'MULTI') {
      this.transactionAt = reader.itemOffset;
      this.commandsBefore = this.commands;
    } else if (name === 'EXEC') this.transactionAt = -1;
    this.commands++;
    return true;
  }

  private takeTimestamp(reader: AofReader, index: number): boolean {
    this.hasTimestamps = true;
    if (this.point.kind !== 'timestamp' || reader.timestamp <= this.point.seconds) return true;
    this.cutAt(index, reader.itemOffset, `before timestamp ${reader.timestamp}`);
    return false;
  }
}

function findCut(files: Files, sources: readonly Source[], point: RestorePoint, nowMs: number): Cut {
  const finder = new CutFinder(point, sources.length - 1);
  for (let index = 0; index < sources.length; index++) {
    const file = files.open(sources[index]!.path, 'read');
    try {
      if (!finder.walk(file, index, rdbEnd(file, nowMs))) break;
    } finally {
      file.close();
    }
  }
  if (finder.found !== undefined) return finder.found;
  if (point.kind === 'command')
    throw new RestoreError(
      `There is no ${point.names.join(' or ')} in these files: a rewrite may have dropped it, and what was before it`,
    );
  throw new RestoreError(
    finder.hasTimestamps
      ? 'Nothing in these files is later than that: they are what you look for'
      : 'There are no timestamps in these files. They are written when aof-timestamp-enabled is on.',
  );
}

/** Where the commands of a file begin: after its RDB if it has one. */
function rdbEnd(file: OpenFile, nowMs: number): number {
  const head = new Uint8Array(5);
  if (file.read(head, 0, 5, 0) < 5 || String.fromCharCode(...head) !== 'REDIS') return 0;
  const checker = new RdbChecker({ line: () => undefined }, nowMs, file.path);
  if (!checker.check(file, true))
    throw new RestoreError(`The RDB in ${file.path} is not sane: ${checker.report.error?.message ?? ''}`);
  return checker.endOffset;
}

function copyFile(files: Files, from: string, to: string, length: number): void {
  const source = files.open(from, 'read');
  const target = files.open(to, 'create');
  try {
    for (let position = 0; position < length;) {
      const chunk = readChunk(source, position);
      const count = Math.min(chunk.length, length - position);
      if (count === 0) break;
      writeFully(target, chunk, 0, count);
      position += count;
    }
    target.sync();
  } finally {
    source.close();
    target.close();
  }
}
