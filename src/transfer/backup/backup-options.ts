// backup-options: what a command line or a config file says about backups: source, targets, secret, rules.

import { readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerAddress } from '../link/address.js';
import { addressOf, connectOptions, stallMsOf } from '../program/connect.js';
import { readConfig } from '../program/config-file.js';
import { type Options, type OptionTable, UsageError } from '../program/options.js';
import type { Interrupt } from '../program/program.js';
import { TransferError } from '../record/record.js';
import { fileChunks } from '../sources/file-chunks.js';
import { type Compression, isGoodName } from './backup-name.js';
import { isInCluster } from './cluster-snapshot.js';
import type { RetentionRules } from './retention.js';
import { parseKey } from './seal.js';
import type { Secret } from './secret.js';
import { serverSnapshot } from './snapshot.js';
import { CommandTarget } from './targets/command-target.js';
import { FolderTarget } from './targets/folder-target.js';
import { S3Client } from './targets/s3-client.js';
import type { Credentials } from './targets/s3-signature.js';
import { PART_BYTES_DEFAULT, S3Target } from './targets/s3-target.js';
import { parseSftp, SftpTarget } from './targets/sftp-target.js';
import type { Target } from './targets/target.js';

export const targetOptions = {
  config: { kind: 'text', letter: 'c', value: 'FILE', help: 'Options from a YAML file, by the same names.' },
  to: {
    kind: 'list',
    value: 'TARGET',
    help: "A folder, s3://bucket/prefix, sftp://user@host/path, or 'command'; several times.",
  },
  name: { kind: 'text', letter: 'n', value: 'NAME', help: "What the files' names begin with (default redis)." },
  work: {
    kind: 'text',
    value: 'FOLDER',
    help: 'Where files are made (default the target folder, else the temporary one).',
  },
  's3-endpoint': { kind: 'text', value: 'URL', help: "Another server than Amazon's.", variable: 'AWS_ENDPOINT_URL' },
  's3-region': { kind: 'text', value: 'REGION', help: 'Default us-east-1.', variable: 'AWS_REGION' },
  's3-virtual-host': { kind: 'flag', help: "The bucket's name is part of the host's name also with --s3-endpoint." },
  's3-storage-class': { kind: 'text', value: 'CLASS', help: 'For instance STANDARD_IA.' },
  's3-encryption': { kind: 'text', value: 'KIND', help: 'Encryption by the server: AES256 or aws:kms.' },
  's3-part-size': { kind: 'size', value: 'SIZE', help: 'Bigger files go in parts of this size (default 16mb).' },
  'ssh-identity': { kind: 'text', value: 'FILE', help: "The key for sftp://; without it, ssh's own rules." },
  'ssh-option': { kind: 'list', value: 'OPTION', help: 'As -o of ssh takes it; several times for several.' },
  'put-command': { kind: 'text', value: 'CMD', help: "Of the target 'command': stores {file} as {name}." },
  'get-command': { kind: 'text', value: 'CMD', help: 'Fetches {name} into {file}.' },
  'list-command': { kind: 'text', value: 'CMD', help: 'Prints the names, one a line.' },
  'remove-command': { kind: 'text', value: 'CMD', help: 'Removes {name}.' },
  json: { kind: 'flag', help: 'Print what was done as JSON.' },
  quiet: { kind: 'flag', letter: 'q', help: 'Print errors only.' },
} as const satisfies OptionTable;

export const secretOptions = {
  'encrypt-key': { kind: 'text', value: 'FILE', help: 'Encrypt with the key in this file (kvasir-backup keygen).' },
  'passphrase-file': {
    kind: 'text',
    value: 'FILE',
    help: 'Encrypt with the passphrase in the first line of this file.',
  },
  'age-recipient': {
    kind: 'list',
    value: 'AGE1...',
    help: 'Encrypt by age for these recipients; several times for several.',
  },
  'age-recipients-file': { kind: 'text', value: 'FILE', help: 'The same from a file, one a line.' },
  'age-identity': {
    kind: 'text',
    value: 'FILE',
    help: 'Open what was encrypted by age (kvasir-backup keygen --age, age-keygen); alone it is the recipient too.',
  },
  passphrase: {
    kind: 'text',
    help: 'The passphrase itself; better by the variable.',
    variable: 'KVASIR_BACKUP_PASSPHRASE',
  },
} as const satisfies OptionTable;

export const keepOptions = {
  'keep-last': { kind: 'integer', value: 'N', help: 'Keep the newest N backups.' },
  'keep-hourly': { kind: 'integer', value: 'N', help: 'Keep one for each of the newest N hours that have backups.' },
  'keep-daily': { kind: 'integer', value: 'N', help: 'The same for days (UTC),' },
  'keep-weekly': { kind: 'integer', value: 'N', help: 'weeks,' },
  'keep-monthly': { kind: 'integer', value: 'N', help: 'and months.' },
  'dry-run': { kind: 'flag', help: 'Only say what would be done.' },
} as const satisfies OptionTable;

export const alertOptions = {
  'on-failure': { kind: 'text', value: 'CMD', help: 'Run this when something fails; the environment tells what.' },
  webhook: { kind: 'text', value: 'URL', help: 'POST JSON there when something fails.' },
} as const satisfies OptionTable;

export const runOptions = {
  from: {
    kind: 'text',
    value: 'SOURCE',
    help: 'host:port, redis://..., or rdb:FILE (default 127.0.0.1:6379); a node of a cluster stands for all masters.',
  },
  cluster: {
    kind: 'text',
    value: 'HOW',
    help: 'auto (default): all masters when the source is a node of a cluster; yes: it must be one; no: that node alone.',
  },
  every: { kind: 'text', value: 'TIME', help: 'Stay and make one each 15m, 1h, 1d; without it, one now.' },
  compress: { kind: 'text', value: 'KIND', help: 'gzip (default), brotli or none.' },
  level: { kind: 'integer', value: 'N', help: 'How hard to compress: gzip 1 to 9, brotli 0 to 11.' },
  verify: { kind: 'text', value: 'HOW', help: 'full: read the stored copy back and load it (default); none.' },
} as const satisfies OptionTable;

/** Everything that a config file may hold, whichever command reads it. */
const everything: OptionTable = {
  ...targetOptions,
  ...secretOptions,
  ...keepOptions,
  ...alertOptions,
  ...runOptions,
  ...connectOptions,
};

export function readAll(words: Options): void {
  readConfig(words, everything);
  if (words.words.length > 0) throw new UsageError(`unexpected word '${words.words[0]!}'`);
}

export function signalOf(interrupt: Interrupt): AbortSignal {
  const controller = new AbortController();
  interrupt.onAsk(() => controller.abort());
  return controller.signal;
}

/** Says what was done, unless nobody wants to read it. */
export function sayer(words: Options): (text: string) => void {
  const isSilent = words.flag('quiet') || words.flag('json');
  return (text) => void (isSilent || process.stdout.write(`${text}\n`));
}

export function nameOf(words: Options): string {
  const name = words.text('name') ?? 'redis';
  if (!isGoodName(name)) throw new UsageError(`--name is made of letters, digits, '.', '_' and '-', not '${name}'`);
  return name;
}

/** Keys of the environment, or of the profile in ~/.aws/credentials. */
function credentials(variables: NodeJS.ProcessEnv): Credentials {
  const { AWS_ACCESS_KEY_ID: accessKey, AWS_SECRET_ACCESS_KEY: secretKey, AWS_SESSION_TOKEN: sessionToken } = variables;
  if (accessKey && secretKey) return { accessKey, secretKey, sessionToken: sessionToken || undefined };
  const path = variables.AWS_SHARED_CREDENTIALS_FILE || join(homedir(), '.aws', 'credentials');
  const profile = variables.AWS_PROFILE || 'default';
  let text = '';
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    // Told below.
  }
  const found: Record<string, string> = {};
  let section = '';
  for (const line of text.split(/\r?\n/)) {
    section = /^\s*\[(?:profile\s+)?([^\]]+)\]/.exec(line)?.[1]?.trim() ?? section;
    const match = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line);
    if (section === profile && match !== null) found[match[1]!] = match[2]!;
  }
  if (!found.aws_access_key_id || !found.aws_secret_access_key)
    throw new UsageError(
      `S3 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile '${profile}' in ${path}`,
    );
  return {
    accessKey: found.aws_access_key_id,
    secretKey: found.aws_secret_access_key,
    sessionToken: found.aws_session_token,
  };
}

function s3Target(text: string, words: Options): S3Target {
  const match = /^s3:\/\/([a-z0-9][a-z0-9._-]{1,62})(?:\/(.*))?$/.exec(text);
  if (match === null) throw new UsageError(`'${text}' is no target: write s3://bucket/prefix`);
  const [, bucket, prefix = ''] = match;
  const region = words.text('s3-region') ?? (process.env.AWS_DEFAULT_REGION || 'us-east-1');
  const own = words.text('s3-endpoint');
  let endpoint: URL;
  try {
    endpoint = new URL(own ?? `https://s3.${region}.amazonaws.com`);
  } catch {
    throw new UsageError(`--s3-endpoint wants a URL such as https://host:9000, not '${own!}'`);
  }
  const usesPath = (own !== undefined && !words.flag('s3-virtual-host')) || bucket!.includes('.');
  const place = { endpoint, region, bucket: bucket!, usesPath, credentials: credentials(process.env) };
  const storageClass = words.text('s3-storage-class');
  const encryption = words.text('s3-encryption');
  return new S3Target(new S3Client(place, () => Date.now()), {
    prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`,
    partBytes: words.number('s3-part-size') ?? PART_BYTES_DEFAULT,
    headers: {
      ...(storageClass === undefined ? {} : { 'x-amz-storage-class': storageClass }),
      ...(encryption === undefined ? {} : { 'x-amz-server-side-encryption': encryption }),
    },
  });
}

function sftpTarget(text: string, words: Options, workFolder: string): SftpTarget {
  const place = { ...parseSftp(text), identityFile: words.text('ssh-identity'), options: words.list('ssh-option') };
  return new SftpTarget(place, workFolder, stallMsOf(words));
}

export interface Places {
  readonly targets: readonly Target[];
  readonly workFolder: string;
}

export function placesOf(words: Options): Places {
  const texts = words.list('to').filter((text) => text !== '');
  if (texts.length === 0)
    throw new UsageError(
      '--to says where the backups are: a folder, s3://bucket/prefix, sftp://user@host/path, command',
    );
  const folders = texts.filter((text) => text !== 'command' && !/^[a-z0-9]+:\/\//i.test(text));
  const workFolder = words.text('work') ?? folders[0] ?? tmpdir();
  const commands = {
    put: words.text('put-command'),
    get: words.text('get-command'),
    list: words.text('list-command'),
    remove: words.text('remove-command'),
  };
  const targets = texts.map((text) =>
    text === 'command'
      ? new CommandTarget(commands, workFolder)
      : folders.includes(text)
        ? new FolderTarget(text)
        : text.startsWith('sftp:')
          ? sftpTarget(text, words, workFolder)
          : s3Target(text, words),
  );
  return { targets, workFolder };
}

/** The name and the text of a file that an option names. */
function fileOf(words: Options, name: string): { path: string; text: string } | undefined {
  const path = words.text(name);
  return path === undefined ? undefined : { path, text: readFileSync(path, 'utf8') };
}

const ageNames = ['age-recipient', 'age-recipients-file', 'age-identity'] as const;

export async function secretOf(words: Options): Promise<Secret | undefined> {
  const age = ageNames.find((name) => words.has(name));
  // The passphrase of the environment may be that of other backups.
  const own = (['encrypt-key', 'passphrase-file'] as const).find((name) => words.has(name));
  if (age === undefined) return ownSecret(words);
  if (own !== undefined) throw new UsageError(`--${age} and --${own} exclude each other`);
  const { readAgeSecret } = await import('./age.js');
  return readAgeSecret(
    words.list('age-recipient').filter((text) => text !== ''),
    fileOf(words, 'age-recipients-file'),
    fileOf(words, 'age-identity'),
  );
}

function ownSecret(words: Options): Secret | undefined {
  const keyPath = words.text('encrypt-key');
  const phrasePath = words.text('passphrase-file');
  if (keyPath !== undefined) {
    if (phrasePath !== undefined) throw new UsageError('--encrypt-key and --passphrase-file exclude each other');
    const bytes = parseKey(readFileSync(keyPath));
    if (bytes === undefined)
      throw new TransferError(`${keyPath} holds no key: 32 bytes, 64 hexadecimal digits or base64`);
    return { kind: 'key', bytes };
  }
  const text =
    phrasePath === undefined ? words.text('passphrase') : readFileSync(phrasePath, 'utf8').split(/\r?\n/)[0]!;
  if (text === undefined) return undefined;
  if (text === '') throw new TransferError('the passphrase is empty');
  return { kind: 'passphrase', text };
}

export function rulesOf(words: Options): RetentionRules {
  const rule = (name: string): number | undefined => {
    const number = words.number(`keep-${name}`);
    if (number !== undefined && number < 0) throw new UsageError(`--keep-${name} wants a number from 0`);
    return number;
  };
  return {
    last: rule('last'),
    hourly: rule('hourly'),
    daily: rule('daily'),
    weekly: rule('weekly'),
    monthly: rule('monthly'),
  };
}

export interface Compressing {
  readonly compression: Compression;
  readonly level: number | undefined;
}

export function compressionOf(words: Options): Compressing {
  const compression = words.text('compress') ?? 'gzip';
  if (compression !== 'gzip' && compression !== 'brotli' && compression !== 'none')
    throw new UsageError(`--compress is 'gzip', 'brotli' or 'none', not '${compression}'`);
  const level = words.number('level');
  const [least, most] = compression === 'brotli' ? [0, 11] : [1, 9];
  if (level !== undefined && (level < least || level > most))
    throw new UsageError(`--level is ${least} to ${most} with ${compression}`);
  return { compression, level };
}

export interface SnapshotPlace {
  readonly name: string;
  /** Undefined: a file. */
  readonly address: ServerAddress | undefined;
  readonly stallMs: number;
  readonly open: () => AsyncIterable<Uint8Array>;
  /** Whether the source stands for all masters of its cluster. */
  readonly isCluster: () => Promise<boolean>;
}

export function snapshotPlace(words: Options): SnapshotPlace {
  const text = words.text('from') ?? '127.0.0.1:6379';
  const how = words.text('cluster') ?? 'auto';
  if (how !== 'auto' && how !== 'yes' && how !== 'no')
    throw new UsageError(`--cluster is 'auto', 'yes' or 'no', not '${how}'`);
  const stallMs = stallMsOf(words);
  if (text.startsWith('rdb:')) {
    if (how === 'yes') throw new UsageError('--cluster yes wants a node of a cluster, not a file');
    const path = text.slice('rdb:'.length);
    // A server replaces its file as a whole, and what was opened stays what it was.
    const open = async function* (): AsyncGenerator<Uint8Array> {
      yield* fileChunks(path);
    };
    return { name: path, address: undefined, stallMs, open, isCluster: () => Promise.resolve(false) };
  }
  const address = addressOf(text, words);
  return {
    name: address.name,
    address,
    stallMs,
    open: () => serverSnapshot(address, stallMs),
    isCluster: async () => {
      if (how === 'no') return false;
      const isCluster = await isInCluster(address, stallMs);
      if (how === 'yes' && !isCluster)
        throw new TransferError(`${address.name} is no node of a cluster, or does not say so`);
      return isCluster;
    },
  };
}
