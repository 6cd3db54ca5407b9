// rdb-file: an RDB file on the disk as a source.

import { fileChunks, fileSize } from './file-chunks.js';
import { RdbSource } from './rdb-source.js';

export function rdbFile(path: string): RdbSource {
  return new RdbSource(path, fileChunks(path), fileSize(path));
}
