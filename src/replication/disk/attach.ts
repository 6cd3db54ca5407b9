// attach: gives a server its backlog on disk: the folder, the places of the AOF, and the ticks.

import type { DataServer } from '../../server/server.js';
import { DiskBacklog } from './disk-backlog.js';

export interface BacklogUser {
  readonly streamDatabase: number;
  /** More of the stream is on the disk. */
  written(): void;
}

export function attachDiskBacklog(server: DataServer, user: BacklogUser): DiskBacklog {
  const { clock, config, files } = server;
  const aof = (): typeof server.persistence.aof => server.persistence.aof;
  const backlog = new DiskBacklog({
    files,
    clock,
    get folder() {
      return aof().folder;
    },
    get prefix() {
      return config.text('appendfilename').value;
    },
    get sizeBytes() {
      return config.number('repl-backlog-disk-size').value;
    },
    get aofTail() {
      return aof().tail;
    },
    get increments() {
      return aof().increments;
    },
    get streamDatabase() {
      return user.streamDatabase;
    },
    log: (level, text) => server.log(level, text),
    written: () => user.written(),
  });
  server.hooks.ticks.push(() => backlog.tick());
  config.onSet(['repl-backlog-disk-size'], () => {
    backlog.resized();
    return undefined;
  });
  return backlog;
}
