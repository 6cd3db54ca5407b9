// target: where backups are kept: a folder, an S3 bucket, or whatever a few commands reach.
//
// A file appears under its name when it is whole, or the target cannot promise that: then the checksum file, which comes last
// and is small, shows whether the backup is whole.

import { TransferError } from '../../record/record.js';

/** The target does not answer now: what was begun there stays, and a later run goes on with it. */
export class TargetUnreachable extends TransferError {}

export interface StoredFile {
  readonly name: string;
  readonly bytes: number | undefined;
}

export interface Target {
  /** For messages, without passwords. */
  readonly name: string;
  list(): Promise<StoredFile[]>;
  /** Stores a local file; refuses to overwrite where it can, and goes on with what an interrupted run began where it can. */
  put(path: string, name: string): Promise<void>;
  read(name: string): AsyncIterable<Uint8Array>;
  remove(name: string): Promise<void>;
  /** Removes what interrupted runs left that are older than a time; returns what it removed, or would with `isDry`. */
  sweep(beforeMs: number, isDry: boolean): Promise<string[]>;
}
