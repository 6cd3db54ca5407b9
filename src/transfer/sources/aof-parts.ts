// aof-parts: which files an append-only file consists of.

import { dirname } from 'node:path';
import { readWhole, RealFiles } from '../../io/files.js';
import { type AofManifest, ManifestError, parseManifest } from '../../persistence/aof/manifest.js';
import { TransferError } from '../record/record.js';
import { fileHead, fileSize } from './file-chunks.js';

export interface AofPart {
  readonly path: string;
  readonly isRdb: boolean;
  readonly bytes: number;
}

/** The files of an AOF, in the order of loading: of a manifest, of its folder, or the single file of older versions. */
export function aofParts(path: string): AofPart[] {
  const head = fileHead(path, 5).toString('latin1');
  if (!path.endsWith('.manifest') && !head.startsWith('file ')) return [partOf(path)];
  return readManifest(path).live.map(({ name }) => partOf(`${dirname(path)}/${name}`));
}

function readManifest(path: string): AofManifest {
  try {
    return parseManifest(readWhole(new RealFiles(), path), '');
  } catch (error) {
    if (error instanceof ManifestError) throw new TransferError(`${path}: ${error.message}`);
    throw error;
  }
}

function partOf(path: string): AofPart {
  return { path, isRdb: fileHead(path, 5).toString('latin1') === 'REDIS', bytes: fileSize(path) };
}
