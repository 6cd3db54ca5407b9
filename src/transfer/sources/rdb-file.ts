// rdb-file: an RDB file on the disk as a source.

import { fileChunks, fileSize } from './file-chunks.js';
import { RdbSource, type RdbSourceOptions } from './rdb-source.js';

export function rdbFile(path: string, options: RdbSourceOptions = {}): RdbSource {
  return new RdbSource(path, fileChunks(path), fileSize(path), options);
}
