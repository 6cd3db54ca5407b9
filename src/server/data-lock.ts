// data-lock: keeps a second server from the data files of the first, and names the first one's process id.
//
// Node has no flock, so the lock is a door: a unix socket in `dir` (a named pipe on Windows) on which the owner listens. The
// system closes it with the process, however that ends, so a lock is never left behind by kill -9; the socket's name, which
// stays then, refuses connections and is taken over. The owner answers with its process id and host name. Process ids
// decide nothing: in containers that share a volume both servers may have id 1, and a socket works across them.
//
// There is a lock for the RDB file where there are save points, one for the append-only file where it is on, and one
// for the nodes.conf of a cluster node. Servers with other file names may share a folder.
//
// Limits: over NFS the servers of other machines are not seen. Where a socket cannot be made (a read-only folder, a file system
// without sockets, a path that is too long outside of Linux) there is no lock, and the log says so. A CONFIG SET that turns
// persistence on does not wait for the lock; the log says when another process has it.
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, linkSync, openSync, realpathSync, renameSync, unlinkSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../base/system-error.js';
import { listen } from '../io/sockets.js';
import type { Config } from '../service/config/config.js';

/** So many bytes fit into the address of a unix socket everywhere. */
const socketPathMax = 100;
/** An owner that has no answer in this time is busy, stopped, or about to end. */
const answerMs = 2_000;
const takeOversMax = 10;

/** The holder of a lock, in words for a message; 'nobody' when only the name of a lock was left. */
type Owner = { readonly kind: 'owner'; readonly text: string } | { readonly kind: 'nobody' };

/** One lock that this process has. */
class HeldLock {
  constructor(
    private readonly door: Server,
    private readonly folder: number | undefined,
  ) {}

  release(): void {
    this.door.close();
    if (this.folder !== undefined) closeSync(this.folder);
  }
}

/** The locks of one server. */
export class DataLocks {
  private readonly held = new Map<string, HeldLock>();
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
        return [`${folder}\n${file}`, { folder, file, name: `.kvasir-${digest}.lock` }];
      }),
    );
  }

  private async take(key: string, folder: string, name: string): Promise<string | undefined> {
    let opened: number | undefined;
    try {
      let path = join(folder, name);
      if (process.platform === 'win32') {
        const place = createHash('sha1')
          .update(`${realpathSync(folder).toLowerCase()}\n${name}`)
          .digest('hex');
        path = `\\\\.\\pipe\\kvasir-${place}`;
      } else if (Buffer.byteLength(path) > socketPathMax) {
        if (process.platform !== 'linux') throw new Error('the path is too long for a socket');
        opened = openSync(folder, 'r');
        path = `/proc/self/fd/${opened}/${name}`;
      }
      const got = await openDoor(path);
      if (typeof got !== 'string') {
        const lock = new HeldLock(got, opened);
        if (this.isReleased) lock.release();
        else this.held.set(key, lock);
        return undefined;
      }
      if (opened !== undefined) closeSync(opened);
      return got;
    } catch (error) {
      if (opened !== undefined) closeSync(opened);
      const reason = errorCode(error) || (error as Error).message;
      this.notices.push(`No lock keeps other servers from the data files in ${folder}: ${reason}`);
      return undefined;
    }
  }
}

/** The door, or who has it. Throws where there can be none. */
async function openDoor(path: string): Promise<Server | string> {
  for (let attempt = 0; attempt < takeOversMax; attempt++) {
    const door = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(`${process.pid} ${hostname()}`);
    });
    try {
      // Servers of other users ask, too.
      await listen(door, { path, permissions: 0o666, backlog: 64 });
      door.unref();
      return door;
    } catch (error) {
      if (errorCode(error) !== 'EADDRINUSE') throw error;
    }
    const owner = await askOwner(path);
    if (owner.kind === 'owner') return owner.text;
    await removeLeftBehind(path);
  }
  return 'Another server that starts at the same time';
}

/** Removes a name that nobody listens on; two servers that do this at once do not remove each other's new one. */
async function removeLeftBehind(path: string): Promise<void> {
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    if ((await askOwner(aside)).kind === 'owner') linkSync(aside, path);
  } finally {
    unlinkSync(aside);
  }
}

function askOwner(path: string): Promise<Owner> {
  return new Promise((resolve, reject) => {
    let answer = '';
    let connected = false;
    const socket = createConnection(path);
    const finish = (owner: Owner): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(owner);
    };
    const timer = setTimeout(() => finish({ kind: 'owner', text: 'Another server, which does not answer,' }), answerMs);
    socket.on('connect', () => (connected = true));
    socket.on('data', (bytes) => (answer = (answer + bytes.toString()).slice(0, 300)));
    socket.on('error', (error) => {
      clearTimeout(timer);
      const code = errorCode(error);
      // ECONNRESET: it ended while it was asked.
      if (connected || ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE'].includes(code)) finish({ kind: 'nobody' });
      else reject(error);
    });
    socket.on('close', () => {
      const [, pid, host] = /^([0-9]+) (\S*)$/.exec(answer) ?? [];
      if (pid === undefined) return finish({ kind: 'nobody' });
      const where = host === hostname() ? '' : ` on ${host}`;
      finish({ kind: 'owner', text: `Another server (pid ${pid}${where})` });
    });
  });
}
