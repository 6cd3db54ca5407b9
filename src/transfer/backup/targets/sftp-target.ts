// sftp-target: backups on a host that `sftp` of OpenSSH reaches, with the keys, the agent and the ~/.ssh/config of the user.
//
// A file gets its name when it is all there: it goes to `.NAME.part`, which is renamed. One that an interrupted run left is gone on with
// by `reput`; the backup is read back before its checksum is stored, so bytes that were lost on the way show.

import { spawn } from 'node:child_process';
import { createReadStream, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../program/options.js';
import { TransferError } from '../../record/record.js';
import { parseBackupName } from '../backup-name.js';
import { PART_SUFFIX } from './folder-target.js';
import { type StoredFile, type Target, TargetUnreachable } from './target.js';

/** A list longer than this is an error: of half a list it is not known what is missing. */
const OUTPUT_BYTES_MAX = 16 << 20;
/** A transfer that is slower counts as one that stands still. */
const BYTES_PER_MS_MIN = 8;
const BEAT_MS = 1000;
const KILL_MS = 2000;
const ERROR_CHARACTERS_MAX = 500;
/** As ssh ends when it has no connection. */
const NO_CONNECTION = 255;

export interface SftpPlace {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
  /** Empty: the folder that sftp begins in. */
  readonly folder: string;
  readonly identityFile: string | undefined;
  /** As ssh's -o takes them. */
  readonly options: readonly string[];
}

/** `sftp://user@host:port/path`; `/~/` begins a path in the user's own folder. */
export function parseSftp(text: string): Pick<SftpPlace, 'host' | 'user' | 'port' | 'folder'> {
  const match =
    /^sftp:\/\/(?:([A-Za-z0-9_][\w.+-]*)@)?(\[[0-9a-fA-F:.%\w]+\]|[A-Za-z0-9][\w.-]*)(?::(\d{1,5}))?(\/[^\0-\x1f\x7f]*)?$/.exec(
      text,
    );
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (match === null || port === 0 || (port ?? 1) > 65535)
    throw new UsageError(`'${text}' is no target: write sftp://user@host:port/path; ssh's keys open it, no password`);
  const path = match[4] ?? '/~/';
  const folder = path.startsWith('/~/') ? path.slice(3) : path;
  return { user: match[1], host: match[2]!.replace(/^\[(.*)\]$/, '$1'), port, folder: folder.replace(/(.)\/+$/, '$1') };
}

/** A word of sftp's batch language. */
function word(text: string): string {
  return `"${text.replace(/["\\*?[\]]/g, (letter) => (letter === '"' || letter === '\\' ? `\\${letter}` : letter))}"`;
}

/** Names and sizes from `ls -lan`, whose lines have nine columns, the name last. */
function parseList(output: string): StoredFile[] {
  const files: StoredFile[] = [];
  for (const line of output.split(/\r?\n/)) {
    const match = /^-\S{9}\S*\s+\S+\s+\S+\s+\S+\s+(\d+)\s+\S+\s+\S+\s+\S+\s+(\S.*)$/.exec(line);
    if (match !== null) files.push({ name: match[2]!.replace(/^\.\//, ''), bytes: Number(match[1]) });
  }
  return files;
}

export class SftpTarget implements Target {
  readonly name: string;

  constructor(
    private readonly place: SftpPlace,
    private readonly workFolder: string,
    /** How long sftp may be silent; 0: as long as it likes. */
    private readonly stallMs = 0,
  ) {
    const { user, host, port, folder } = place;
    this.name = `sftp://${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}/${folder.startsWith('/') ? folder.slice(1) : `~/${folder}`}`;
  }

  private run(...lines: readonly string[]): Promise<string> {
    return this.transfer(lines, 0);
  }

  /**
   * Runs the lines of a batch; returns what sftp prints. ssh gives up a dead connection itself, but not a host that answers and
   * does nothing: `sentBytes` gives time to a file that is sent, of which sftp says nothing, and `file` shows how one comes.
   */
  private transfer(lines: readonly string[], sentBytes: number, file?: string): Promise<string> {
    const { user, host, port, folder, identityFile, options } = this.place;
    const words = [
      ...['-b', '-', '-o', 'BatchMode=yes', '-o', 'ServerAliveInterval=15'],
      ...options.flatMap((option) => ['-o', option]),
      ...(port === undefined ? [] : ['-P', String(port)]),
      ...(identityFile === undefined ? [] : ['-i', identityFile]),
      ...['--', `${user === undefined ? '' : `${user}@`}${host.includes(':') ? `[${host}]` : host}`],
    ];
    const batch = folder === '' ? lines : [...this.makeFolder(folder, lines), `cd ${word(folder)}`, ...lines];
    return new Promise((resolve, reject) => {
      const child = spawn('sftp', words, { stdio: ['pipe', 'pipe', 'pipe'] });
      let output = '';
      let complaint = '';
      const fail = (reason: string): void => {
        clearInterval(timer);
        reject(new TransferError(`${this.name}: sftp was ended: ${reason}`));
        // It ends its ssh when it is asked to; what holds the pipes open is not waited for.
        child.kill('SIGTERM');
        setTimeout(() => child.kill('SIGKILL'), KILL_MS).unref();
        for (const stream of child.stdio) stream?.destroy();
        child.unref();
      };
      let heardMs = performance.now();
      let size = 0;
      const limitMs = this.stallMs + sentBytes / BYTES_PER_MS_MIN;
      const look = (): void => {
        const now = file === undefined ? 0 : (statSync(file, { throwIfNoEntry: false })?.size ?? 0);
        if (now !== size) heardMs = performance.now();
        size = now;
        if (performance.now() - heardMs >= limitMs) fail(`nothing came for ${Math.round(limitMs) / 1000} seconds`);
      };
      const timer = this.stallMs > 0 ? setInterval(look, Math.min(BEAT_MS, this.stallMs)) : undefined;
      child.stdout.on('data', (bytes: Buffer) => {
        heardMs = performance.now();
        if (output.length + bytes.length > OUTPUT_BYTES_MAX) fail('the list of files has no end');
        else output += bytes.toString();
      });
      child.stderr.on('data', (bytes: Buffer) => (complaint = (complaint + bytes.toString()).slice(-4096)));
      child.stdin.on('error', () => undefined);
      child.on('error', (error) => reject(new TransferError(`cannot run sftp: ${error.message}`)));
      child.on('close', (status, signal) => {
        clearInterval(timer);
        if (status === 0) {
          resolve(output);
          return;
        }
        const said = complaint
          .trim()
          .slice(-ERROR_CHARACTERS_MAX)
          .replace(/\s*\r?\n\s*/g, '; ');
        const text = `${this.name}: sftp ${signal === null ? `exits with ${status}` : `ends by ${signal}`}: ${said}`;
        reject(status === NO_CONNECTION ? new TargetUnreachable(text) : new TransferError(text));
      });
      child.stdin.end(`${batch.join('\n')}\n`);
    });
  }

  /** Only what stores makes the folder. */
  private makeFolder(folder: string, lines: readonly string[]): string[] {
    if (!lines.some((line) => /^(re)?put /.test(line))) return [];
    const parts = folder.split('/').filter((part) => part !== '');
    const start = folder.startsWith('/') ? '/' : '';
    return parts.map((_, index) => `-mkdir ${word(start + parts.slice(0, index + 1).join('/'))}`);
  }

  async list(): Promise<StoredFile[]> {
    try {
      return parseList(await this.run('ls -lan'));
    } catch (error) {
      if (error instanceof TransferError && /no such file|not found/i.test(error.message)) return [];
      throw error;
    }
  }

  async put(path: string, name: string): Promise<void> {
    const part = `.${name}${PART_SUFFIX}`;
    const { size } = statSync(path);
    const begun = (await this.list()).find((file) => file.name === part)?.bytes;
    const lines = [
      ...(begun === undefined || begun <= size ? [] : [`rm ${word(part)}`]),
      ...(begun === size
        ? []
        : [`${begun !== undefined && begun < size ? 'reput' : 'put'} ${word(path)} ${word(part)}`]),
      `rename ${word(part)} ${word(name)}`,
    ];
    await this.transfer(lines, size);
  }

  async *read(name: string): AsyncGenerator<Uint8Array, void> {
    const file = join(this.workFolder, `.${name}.${process.pid}.got${PART_SUFFIX}`);
    mkdirSync(this.workFolder, { recursive: true });
    try {
      await this.transfer([`get ${word(name)} ${word(file)}`], 0, file);
      yield* createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>;
    } finally {
      rmSync(file, { force: true });
    }
  }

  async remove(name: string): Promise<void> {
    await this.run(`rm ${word(name)}`);
  }

  /** The time is in the name: sftp lists times without zone, and the older ones without hours. */
  async sweep(beforeMs: number, isDry: boolean): Promise<string[]> {
    const old = (await this.list()).filter(({ name }) => {
      if (!name.startsWith('.') || !name.endsWith(PART_SUFFIX)) return false;
      const about = parseBackupName(name.slice(1, -PART_SUFFIX.length).replace(/\.sha256$/, ''));
      return about !== undefined && about.timeMs < beforeMs;
    });
    if (!isDry) for (const { name } of old) await this.remove(name);
    return old.map(({ name }) => name);
  }
}
