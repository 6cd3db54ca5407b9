// tree-model: the tree of keys as far as it was loaded, and the rows of it that are open, for a list that draws only what is seen.
//
// Each folder loads its own level in steps (see key-tree of the program). The rows are made anew only when something changed.
import type { ServerApi } from '../base/api.js';

export interface Folder {
  readonly kind: 'folder';
  readonly prefix: string;
  readonly name: string;
  readonly depth: number;
  isOpen: boolean;
  /** Keys below it that were seen so far, by its parent or by itself. */
  count: number;
  readonly folders: Map<string, Folder>;
  readonly keys: Set<string>;
  position: string;
  isDone: boolean;
  isLoading: boolean;
  scanned: number;
  error: string | undefined;
  /** The server counts prefixes: the keys that lie in it beside its folders, which are all known. */
  keysExpected: number | undefined;
}

export interface KeyRow {
  readonly kind: 'key';
  readonly key: string;
  readonly depth: number;
}

/** At the end of a folder that has more. */
export interface MoreRow {
  readonly kind: 'more';
  readonly folder: Folder;
  readonly depth: number;
}

export type Row = Folder | KeyRow | MoreRow;

interface Step {
  readonly position: string;
  readonly isDone: boolean;
  readonly scanned: number;
  readonly folders: readonly (readonly [string, number])[];
  readonly keys: readonly string[];
  readonly exact?: { readonly folders: readonly (readonly [string, number])[]; readonly keys: number };
}

/** Names that a folder loads by itself; then it waits for somebody to ask for more. */
const namesAtOnce = 500;
const keysScannedAtOnce = 300_000;

export class TreeModel {
  readonly root: Folder = makeFolder('', '', -1);
  rows: Row[] = [];
  private readonly abort = new AbortController();

  constructor(
    private readonly server: ServerApi,
    private readonly separator: string,
    private readonly pattern: string,
    private readonly type: string | undefined,
    private readonly onChange: () => void,
  ) {
    this.root.isOpen = true;
  }

  get isLoading(): boolean {
    return this.root.isLoading;
  }

  close(): void {
    this.abort.abort();
  }

  toggle(folder: Folder): void {
    folder.isOpen = !folder.isOpen;
    if (folder.isOpen && folder.position === '' && !folder.isDone) void this.load(folder);
    this.changed();
  }

  /** Loads steps until there are enough new names, or no more. */
  async load(folder: Folder, isEndless = false): Promise<void> {
    if (folder.isLoading || folder.isDone) return;
    folder.isLoading = true;
    folder.error = undefined;
    const wanted = folder.folders.size + folder.keys.size + namesAtOnce;
    const scannedMax = folder.scanned + keysScannedAtOnce;
    try {
      while (!folder.isDone && folder.isOpen && !this.abort.signal.aborted) {
        const step = await this.server.post<Step>(
          'tree',
          {
            prefix: folder.prefix,
            separator: this.separator,
            pattern: this.pattern,
            type: this.type,
            position: folder.position,
          },
          this.abort.signal,
        );
        this.take(folder, step);
        if (!isEndless && (folder.folders.size + folder.keys.size >= wanted || folder.scanned >= scannedMax)) break;
      }
    } catch (error) {
      if (this.abort.signal.aborted) return;
      folder.error = (error as Error).message;
    } finally {
      folder.isLoading = false;
      if (!this.abort.signal.aborted) this.changed();
    }
  }

  /** Takes a key out, after it was deleted or renamed. */
  remove(key: string): void {
    const folder = this.folderOf(key, false);
    if (folder?.keys.delete(key) === true) this.changed();
  }

  /** Puts a key in that was made or renamed. */
  add(key: string): void {
    this.folderOf(key, true)?.keys.add(key);
    this.changed();
  }

  private folderOf(key: string, makes: boolean): Folder | undefined {
    let folder = this.root;
    let from = 0;
    while (this.separator !== '') {
      const end = key.indexOf(this.separator, from);
      if (end < 0) break;
      const name = key.slice(from, end + this.separator.length);
      let next = folder.folders.get(name);
      if (next === undefined) {
        if (!makes) return undefined;
        next = makeFolder(key.slice(0, end + this.separator.length), name, folder.depth + 1);
        folder.folders.set(name, next);
        next.count = 1;
      }
      folder = next;
      from = end + this.separator.length;
    }
    return folder;
  }

  private take(folder: Folder, step: Step): void {
    folder.position = step.position;
    folder.isDone = step.isDone;
    folder.scanned += step.scanned;
    const { exact } = step;
    if (exact !== undefined) folder.keysExpected = exact.keys;
    for (const [name, count] of exact?.folders ?? step.folders) {
      const known = folder.folders.get(name);
      if (known !== undefined) {
        if (exact !== undefined) known.count = count;
        else if (folder.keysExpected === undefined) known.count += count;
      } else {
        const made = makeFolder(folder.prefix + name, name, folder.depth + 1);
        made.count = count;
        folder.folders.set(name, made);
      }
    }
    for (const key of step.keys) folder.keys.add(key);
    if (folder.keysExpected !== undefined && folder.keys.size >= folder.keysExpected) folder.isDone = true;
    this.changed();
  }

  private changed(): void {
    const rows: Row[] = [];
    addRows(this.root, rows);
    this.rows = rows;
    this.onChange();
  }
}

function makeFolder(prefix: string, name: string, depth: number): Folder {
  return {
    kind: 'folder',
    prefix,
    name,
    depth,
    isOpen: false,
    count: 0,
    folders: new Map(),
    keys: new Set(),
    position: '',
    isDone: false,
    isLoading: false,
    scanned: 0,
    error: undefined,
    keysExpected: undefined,
  };
}

const collator = new Intl.Collator(undefined, { numeric: true });

function addRows(folder: Folder, rows: Row[]): void {
  for (const child of [...folder.folders.values()].sort((a, b) => collator.compare(a.name, b.name))) {
    rows.push(child);
    if (child.isOpen) addRows(child, rows);
  }
  const depth = folder.depth + 1;
  for (const key of [...folder.keys].sort((a, b) => collator.compare(a, b))) rows.push({ kind: 'key', key, depth });
  if (!folder.isDone || folder.error !== undefined) rows.push({ kind: 'more', folder, depth });
}
