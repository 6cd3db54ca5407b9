// nodes-file: nodes.conf on the disk: read once, replaced as a whole whenever the state has changed.
//
// A crash leaves either the old or the new file, synced with its folder: a vote that was sent is always on the disk.
//
// Not here: its content (nodes-text, nodes-parser), the lock against a second server (server/data-lock).

import { latin1, latin1Bytes } from '../base/bytes.js';
import { type Files, readWhole, replaceFile } from '../io/files.js';
import { type NodesParserOptions, parseNodes } from './nodes-parser.js';
import type { ClusterState } from './state.js';

export class NodesFile {
  constructor(
    private readonly files: Files,
    readonly path: string,
    private readonly processTag: string,
  ) {}

  /** The state that the file holds; undefined when there is none yet. Throws a NodesFileError, or the system's error. */
  load(options: NodesParserOptions): ClusterState | undefined {
    // Redis makes an empty file before it has something to write.
    if (this.files.sizeOf(this.path) <= 0) return undefined;
    return parseNodes(latin1(readWhole(this.files, this.path)), options);
  }

  /** Throws the system's error; the file is then as before. */
  save(text: string): void {
    replaceFile(this.files, this.path, `${this.path}.tmp-${this.processTag}`, latin1Bytes(text));
  }
}
