// name-lock: keeps a second process from files that one of us holds, and names the first one's process id.
//
// Node has no flock, so a lock is a door: a unix socket in the files' folder on which the holder listens. The system closes it
// with the process, however that ends, so no lock outlives kill -9: the socket's name stays then, but refuses connections.
// The holder answers with its process id and host name. Process ids decide nothing: in containers that share a volume both
// processes may have id 1, and a socket works across them.
//
// Each door has a name of its own, `NAME.RANDOM.lock`, so removing one that refuses never hits another's. Who wants the lock
// opens its door first and then asks all others that the folder has:
//
//   a door answers `held`    refused
//   a door answers `wants`   the one with the lower name waits for what becomes of the other; the higher one closes and comes
//                            again. (Waiting only for higher names would not do: the other may have looked before this door
//                            was there, and hold the lock by now.)
//   no door answers          the lock is held from now on
//
// Of two that want it at least one sees the other, as each looks after it has opened. A door is renamed to its name once it
// listens: one that is bound only refuses connections like one that was left behind.
//
// On Windows a named pipe goes with its process and can be made once, which is all that is needed.
//
// Limits: over NFS the processes of other machines are not seen. Where a socket cannot be made (a read-only folder, a file
// system without sockets, a path that is too long outside of Linux) there is no lock.
//
// Not here: which names a server (server/data-lock) and the admin take.
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../base/system-error.js';
import { listen } from './sockets.js';

/** So many bytes fit into the address of a unix socket everywhere. */
const socketPathMax = 100;
/** `.` and a random number, `.` and the ending. */
const endingBytes = 1 + 16 + 1 + 4;
/** A door that has no answer in this time belongs to a process that is busy, stopped, or about to end. */
const answerMs = 2_000;
/** So often a door is asked that takes a connection and closes it without a word: its process ends, or has no descriptors left. */
const silencesMax = 20;
const lookAgainMs = 10;
/** A pipe that can neither be made nor asked is about to go, or to come. */
const pipeAttemptsMax = 20;

/** A name that this process holds. */
export class NameLock {
  constructor(
    private readonly door: Server,
    /** The name of its socket; a pipe has none that stays. */
    private readonly path?: string,
    private readonly folder?: number,
  ) {}

  release(): void {
    close(this.door, this.path);
    if (this.folder !== undefined) closeSync(this.folder);
  }
}

/** What a door says: whether the lock is held, and by whom, in words that follow a noun. */
interface Answer {
  readonly isHeld: boolean;
  readonly words: string;
}

/**
 * Takes a name in a folder. Throws where there can be no lock.
 *
 * @returns the lock; or who holds the name, in words that follow a noun: ` (pid 12)`, ` (pid 1 on web2)`
 */
export async function takeName(folder: string, name: string): Promise<NameLock | string> {
  if (process.platform === 'win32') return takePipe(folder, name);
  let opened: number | undefined;
  try {
    let place = folder;
    if (Buffer.byteLength(join(folder, name)) + endingBytes > socketPathMax) {
      if (process.platform !== 'linux') throw new Error('the path is too long for a socket');
      opened = openSync(folder, 'r');
      place = `/proc/self/fd/${opened}`;
    }
    const got = await contend(place, name, opened);
    if (typeof got === 'string' && opened !== undefined) closeSync(opened);
    return got;
  } catch (error) {
    if (opened !== undefined) closeSync(opened);
    throw error;
  }
}

async function takePipe(folder: string, name: string): Promise<NameLock | string> {
  const digest = createHash('sha1')
    .update(`${realpathSync(folder).toLowerCase()}\n${name}`)
    .digest('hex');
  const path = `\\\\.\\pipe\\kvasir-${digest}`;
  for (let attempt = 0; attempt < pipeAttemptsMax; attempt++) {
    const door = openDoor(() => 'held');
    try {
      await listen(door, { path, permissions: 0o666, backlog: 64 });
      return new NameLock(door);
    } catch (error) {
      if (errorCode(error) !== 'EADDRINUSE') throw error;
    }
    const answer = await ask(path);
    if (answer !== undefined) return answer.words;
    await sleep(lookAgainMs);
  }
  return ' that starts at the same time';
}

/** Answers with our process id, our host and `state`; keeps no process alive. */
function openDoor(state: () => 'held' | 'wants'): Server {
  const door = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`${process.pid} ${hostname()} ${state()}`);
  });
  door.unref();
  return door;
}

async function contend(folder: string, name: string, opened: number | undefined): Promise<NameLock | string> {
  for (;;) {
    let isHeld = false;
    const door = openDoor(() => (isHeld ? 'held' : 'wants'));
    const own = `${name}.${randomBytes(8).toString('hex')}.lock`;
    const path = join(folder, own);
    try {
      const early = path.replace(/lock$/, 'new');
      // Processes of other users ask, too.
      await listen(door, { path: early, permissions: 0o666, backlog: 64 });
      renameSync(early, path);
      const refusal = await waitForTurn(folder, name, own);
      if (refusal === undefined) {
        isHeld = true;
        return new NameLock(door, path, opened);
      }
      close(door, path);
      if (refusal !== giveWay) return refusal;
    } catch (error) {
      close(door, path);
      // Somebody took the early name for one that was left behind.
      if (errorCode(error) !== 'ENOENT' || !existsSync(folder)) throw error;
    }
    await sleep(lookAgainMs);
  }
}

const giveWay = 'give way';

/** Undefined: nobody else has an open door, as far as could be seen. Otherwise who holds the lock, or that our door must close. */
async function waitForTurn(folder: string, name: string, own: string): Promise<string | undefined> {
  for (;;) {
    const { holder, rivals } = await look(folder, name, own);
    if (holder !== undefined) return holder;
    if (rivals.length === 0) return undefined;
    if (rivals.some((rival) => rival < own)) return giveWay;
    await sleep(lookAgainMs);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function close(door: Server, path: string | undefined): void {
  if (path !== undefined) rmSync(path, { force: true });
  door.close();
}

/** Asks the other doors of a name, and removes those that a crash left behind. */
async function look(folder: string, name: string, own: string): Promise<{ holder?: string; rivals: string[] }> {
  const rivals: string[] = [];
  for (const other of readdirSync(folder)) {
    if (!other.startsWith(`${name}.`) || other === own || !/\.[0-9a-f]{16}\.(lock|new)$/.test(other)) continue;
    const path = join(folder, other);
    const answer = await ask(path);
    if (answer === undefined) rmSync(path, { force: true });
    else if (answer.isHeld) return { holder: answer.words, rivals };
    else if (other.endsWith('.lock')) rivals.push(other);
  }
  return { rivals };
}

/** What the door of this path says; undefined when nobody listens. */
async function ask(path: string): Promise<Answer | undefined> {
  for (let silences = 0; silences < silencesMax; silences++) {
    const answer = await askOnce(path);
    if (answer !== 'silence') return answer;
    await sleep(lookAgainMs);
  }
  return { isHeld: true, words: ', which does not answer,' };
}

function askOnce(path: string): Promise<Answer | 'silence' | undefined> {
  return new Promise((resolve, reject) => {
    let text = '';
    let connected = false;
    const socket = createConnection(path);
    const finish = (answer: Answer | 'silence' | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish({ isHeld: true, words: ', which does not answer,' }), answerMs);
    socket.on('connect', () => (connected = true));
    socket.on('data', (bytes) => (text = (text + bytes.toString()).slice(0, 300)));
    socket.on('error', (error) => {
      const code = errorCode(error);
      // EAGAIN: more ask at once than the door's queue takes. ENOTSOCK: a file of somebody's.
      if (connected || code === 'EAGAIN') return finish('silence');
      if (['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'ENOTSOCK', 'EPIPE'].includes(code)) return finish(undefined);
      clearTimeout(timer);
      reject(error);
    });
    socket.on('close', () => {
      const [, pid, host, state] = /^([0-9]+) (\S*) (held|wants)$/.exec(text) ?? [];
      if (pid === undefined) return finish('silence');
      const where = host === hostname() ? '' : ` on ${host}`;
      finish({ isHeld: state === 'held', words: ` (pid ${pid}${where})` });
    });
  });
}
