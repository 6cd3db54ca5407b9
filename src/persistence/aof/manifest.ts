// manifest: which files make up the append-only file, and in which order they are loaded.
//
//   file appendonly.aof.1.base.rdb seq 1 type b      at most one base: a snapshot, as RDB or as commands
//   file appendonly.aof.1.incr.aof seq 1 type i      commands since, in ascending order; the last one grows
//   file appendonly.aof.0.base.rdb seq 0 type h      history: no longer needed, to be removed
//
// A name with blanks or unprintable bytes stands in double quotes with backslash escapes. The file is always replaced as
// a whole (temp file, sync, rename, sync of the folder), so a crash leaves the old or the new one.

import { latin1, latin1Bytes } from '../../base/bytes.js';
import { quote, splitWords } from '../../base/quoting.js';
import { type Files, readWhole, replaceFile } from '../../io/files.js';

const LINE_BYTES_MAX = 1024;

export type AofFileType = 'base' | 'incr' | 'history';

export interface AofFile {
  readonly name: string;
  readonly sequence: number;
  readonly type: AofFileType;
}

const letters: Readonly<Record<AofFileType, string>> = { base: 'b', incr: 'i', history: 'h' };

export class ManifestError extends Error {
  constructor(
    readonly reason: string,
    /** From 1; 0 when the file as a whole is wrong. */
    readonly line: number,
    readonly text: string,
  ) {
    super(line === 0 ? reason : `${reason} (line ${line}: '${text}')`);
  }
}

export class AofManifest {
  base: AofFile | undefined;
  readonly incr: AofFile[] = [];
  readonly history: AofFile[] = [];
  baseSequence = 0;
  incrSequence = 0;

  constructor(readonly fileName: string) {}

  /** Base and increments, in the order of loading. */
  get live(): AofFile[] {
    return this.base === undefined ? [...this.incr] : [this.base, ...this.incr];
  }

  clone(): AofManifest {
    const copy = new AofManifest(this.fileName);
    copy.base = this.base;
    copy.incr.push(...this.incr);
    copy.history.push(...this.history);
    copy.baseSequence = this.baseSequence;
    copy.incrSequence = this.incrSequence;
    return copy;
  }

  /** Adds the next increment and returns it. */
  addIncr(): AofFile {
    const sequence = ++this.incrSequence;
    const file: AofFile = { name: `${this.fileName}.${sequence}.incr.aof`, sequence, type: 'incr' };
    this.incr.push(file);
    return file;
  }

  /** A new base takes the place of the old one and of the increments before `firstKept`, which become history. */
  replaceBase(isRdb: boolean, firstKept: AofFile | undefined): AofFile {
    if (this.base !== undefined) this.history.unshift({ ...this.base, type: 'history' });
    const sequence = ++this.baseSequence;
    this.base = { name: `${this.fileName}.${sequence}.base.${isRdb ? 'rdb' : 'aof'}`, sequence, type: 'base' };
    const kept = firstKept === undefined ? this.incr.length : this.incr.indexOf(firstKept);
    for (const file of this.incr.splice(0, kept)) this.history.push({ ...file, type: 'history' });
    return this.base;
  }

  /** The single file of versions before 7.0 becomes the base, under its own name. */
  adoptOldFile(name: string): void {
    this.base = { name, sequence: 1, type: 'base' };
    this.baseSequence = 1;
  }

  format(): Uint8Array {
    let text = '';
    // Redis writes and loads them in this order.
    for (const file of [...(this.base === undefined ? [] : [this.base]), ...this.history, ...this.incr]) {
      text += `file ${quoteName(file.name)} seq ${file.sequence} type ${letters[file.type]}\n`;
    }
    return latin1Bytes(text);
  }

  save(files: Files, folder: string): void {
    const path = `${folder}/${manifestName(this.fileName)}`;
    replaceFile(files, path, `${folder}/temp_${manifestName(this.fileName)}`, this.format());
  }
}

function manifestName(fileName: string): string {
  return `${fileName}.manifest`;
}

/** Reads a manifest's text; throws ManifestError where Redis refuses it too. */
export function parseManifest(bytes: Uint8Array, fileName: string): AofManifest {
  const manifest = new AofManifest(fileName);
  if (bytes.length === 0) throw new ManifestError('Found an empty AOF manifest', 0, '');
  let number = 0;
  for (let start = 0; start < bytes.length;) {
    number++;
    const newline = bytes.indexOf(10, start);
    const end = newline < 0 ? bytes.length : newline;
    const isWhole = newline >= 0 && end - start < LINE_BYTES_MAX;
    const text = latin1(bytes, start, end - start);
    start = end + 1;
    if (text.startsWith('#')) continue;
    if (!isWhole) throw new ManifestError('The AOF manifest file contains too long line', 0, '');
    addLine(manifest, text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, ''), number);
  }
  return manifest;
}

function addLine(manifest: AofManifest, text: string, number: number): void {
  const refuse = (reason: string): never => {
    throw new ManifestError(reason, text === '' ? 0 : number, text);
  };
  const words = splitWords(text);
  if (words === undefined || words.length < 6 || words.length % 2 !== 0)
    return refuse('Invalid AOF manifest file format');
  let name = '';
  let sequence = 0;
  let letter = '';
  for (let index = 0; index < words.length; index += 2) {
    const value = words[index + 1]!;
    const key = words[index]!.toLowerCase();
    if (key === 'file') {
      name = value;
      if (name.includes('/') || name.includes('\\')) refuse("File can't be a path, just a filename");
    } else if (key === 'seq') sequence = Number.parseInt(value, 10) || 0;
    else if (key === 'type') letter = value.slice(0, 1);
  }
  if (name === '' || sequence === 0 || letter === '') refuse('Invalid AOF manifest file format');
  if (letter === 'b') {
    if (manifest.base !== undefined) refuse('Found duplicate base file information');
    manifest.base = { name, sequence, type: 'base' };
    manifest.baseSequence = sequence;
  } else if (letter === 'h') manifest.history.push({ name, sequence, type: 'history' });
  else if (letter === 'i') {
    if (sequence <= manifest.incrSequence) refuse('Found a non-monotonic sequence number');
    manifest.incr.push({ name, sequence, type: 'incr' });
    manifest.incrSequence = sequence;
  } else refuse('Unknown AOF file type');
}

export function readManifest(files: Files, folder: string, fileName: string): AofManifest | undefined {
  const path = `${folder}/${manifestName(fileName)}`;
  if (files.sizeOf(path) < 0) return undefined;
  return parseManifest(readWhole(files, path), fileName);
}

/** In quotes only where it must be. */
function quoteName(name: string): string {
  return /[^!#-&(-[\]-~]/.test(name) ? quote(name) : name;
}
