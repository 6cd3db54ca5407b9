// data-lock: keeps a second server from the data files of the first (io/name-lock).
//
// There is a lock for the RDB file where there are save points, one for the append-only file where it is on, and one
// for the nodes.conf of a cluster node. Servers with other file names may share a folder.
//
// Where there can be no lock the log says so. A CONFIG SET that turns persistence on does not wait for the lock; the log says
// when another process has it.
import { createHash } from 'node:crypto';
import { errorCode } from '../base/system-error.js';
import { NameLock, takeName } from '../io/name-lock.js';
import type { Config } from '../service/config/config.js';

/** The locks of one server. */
export class DataLocks {
  private readonly held = new Map<string, NameLock>();
  /** Files that could not be locked, for the log. */
  readonly notices: string[] = [];

  private lastTurn: Promise<unknown> = Promise.resolve();
  private isReleased = false;

  constructor(private readonly config: Config) {}

  /** Takes what the configuration needs and gives back the rest, one call after another; returns why a file cannot be had. */
  acquire(): Promise<string | undefined> {
    const turn = this.lastTurn.then(() => this.acquireInTurn());
    this.lastTurn = turn;
    return turn;
  }

  private async acquireInTurn(): Promise<string | undefined> {
    const wanted = this.wanted();
    for (const [key, { folder, file, name }] of wanted) {
      if (this.held.has(key)) continue;
      const refusal = await this.take(key, folder, name);
      if (refusal !== undefined)
        return `${refusal} uses ${file} in ${folder}. Stop it, or give this server another dir or other file names`;
    }
    for (const [key, lock] of this.held) {
      if (wanted.has(key)) continue;
      this.held.delete(key);
      lock.release();
    }
    return undefined;
  }

  /** Gives all back; nothing is taken any more. */
  release(): void {
    this.isReleased = true;
    for (const lock of this.held.values()) lock.release();
    this.held.clear();
  }

  private wanted(): Map<string, { folder: string; file: string; name: string }> {
    const { config } = this;
    const files: string[] = [];
    if (config.special('save').value.length > 0) files.push(config.text('dbfilename').value);
    if (config.flag('appendonly').value)
      files.push(`${config.text('appenddirname').value}/${config.text('appendfilename').value}`);
    if (config.flag('cluster-enabled').value) files.push(config.text('cluster-config-file').value);
    const folder = config.path('dir');
    return new Map(
      files.map((file) => {
        const digest = createHash('sha1').update(file).digest('hex').slice(0, 12);
        return [`${folder}\n${file}`, { folder, file, name: `.kvasir-${digest}` }];
      }),
    );
  }

  private async take(key: string, folder: string, name: string): Promise<string | undefined> {
    try {
      const got = await takeName(folder, name);
      if (!(got instanceof NameLock)) return `Another server${got}`;
      if (this.isReleased) got.release();
      else this.held.set(key, got);
    } catch (error) {
      const reason = errorCode(error) || (error as Error).message;
      this.notices.push(`No lock keeps other servers from the data files in ${folder}: ${reason}`);
    }
    return undefined;
  }
}
