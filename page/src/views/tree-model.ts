// tree-model: the tree of keys as far as it was loaded, and the rows of it that are open, for a list that draws only what is seen.
//
// Each folder loads its own level in steps (see key-tree of the program). A row is made when it is asked for: the model keeps
// the spans of rows, one for the keys of an open folder however many they are, so that a step costs what it brings.
import type { ServerApi } from '../base/api.js';
import { t } from '../base/i18n.js';
import { SortedNames } from './sorted-names.js';

export interface Folder {
  readonly kind: 'folder';
  readonly prefix: string;
  readonly name: string;
  readonly depth: number;
  readonly parent: Folder | undefined;
  isOpen: boolean;
  /** Keys below it that were seen so far, by its parent or by itself. */
  count: number;
  readonly folders: Map<string, Folder>;
  readonly folderNames: SortedNames;
  /** The folders in it that are open. */
  readonly openNames: Set<string>;
  readonly keys: SortedNames;
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

/** Rows that follow each other in one folder: some of its folders, its keys, or the row that loads more. */
interface Span {
  readonly kind: 'folders' | 'keys' | 'more';
  readonly folder: Folder;
  /** The row of the folder itself; -1 for the root. */
  readonly head: number;
  readonly start: number;
  readonly count: number;
  /** The first of its folders, for a span of folders. */
  readonly from: number;
}

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
/** Names that a page holds: about 200 MB. Nobody reads so many; a pattern finds what they look for. */
const namesMax = 1_000_000;

export class TreeModel {
  readonly root: Folder = makeFolder('', undefined);
  rowCount = 0;
  /** Keys in all folders at the top, as far as known, and beside them. */
  known = 0;
  private spans: readonly Span[] = [];
  private names = 0;
  private isHalted = false;
  private readonly abort = new AbortController();

  constructor(
    private readonly server: ServerApi,
    private readonly separator: string,
    private readonly pattern: string,
    private readonly type: string | undefined,
    private readonly onChange: () => void,
    private readonly namesBound = namesMax,
  ) {
    this.root.isOpen = true;
  }

  get isLoading(): boolean {
    return this.root.isLoading;
  }

  close(): void {
    this.abort.abort();
  }

  rowAt(index: number): Row | undefined {
    const span = this.spanAt(index);
    if (span === undefined) return undefined;
    const { folder } = span;
    const depth = folder.depth + 1;
    if (span.kind === 'more') return { kind: 'more', folder, depth };
    const place = span.from + index - span.start;
    if (span.kind === 'keys') return { kind: 'key', key: folder.keys.at(place)!, depth };
    return folder.folders.get(folder.folderNames.at(place)!);
  }

  rowsFrom(first: number, end: number): Row[] {
    const rows: Row[] = [];
    for (let index = first; index < end; index++) {
      const row = this.rowAt(index);
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  /** The row of the folder in which a row is, or -1. */
  parentIndex(index: number): number {
    return this.spanAt(index)?.head ?? -1;
  }

  private spanAt(index: number): Span | undefined {
    if (index < 0 || index >= this.rowCount) return undefined;
    let low = 0;
    let high = this.spans.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.spans[middle]!.start <= index) low = middle;
      else high = middle - 1;
    }
    return this.spans[low];
  }

  toggle(folder: Folder): void {
    folder.isOpen = !folder.isOpen;
    if (folder.isOpen) folder.parent?.openNames.add(folder.name);
    else folder.parent?.openNames.delete(folder.name);
    if (folder.isOpen && folder.position === '' && !folder.isDone) void this.load(folder);
    this.changed();
  }

  /** Ends loads after their step. */
  halt(): void {
    this.isHalted = true;
  }

  /** Loads steps until there are enough new names, or no more. */
  async load(folder: Folder, isEndless = false): Promise<void> {
    if (folder.isLoading || folder.isDone) return;
    folder.isLoading = true;
    folder.error = undefined;
    this.isHalted = false;
    const wanted = folder.folders.size + folder.keys.count + namesAtOnce;
    const scannedMax = folder.scanned + keysScannedAtOnce;
    try {
      while (!folder.isDone && folder.isOpen && !this.abort.signal.aborted) {
        if (this.names >= this.namesBound) throw new Error(t('The list is full: look for keys by a pattern.'));
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
        if (this.isHalted) break;
        if (!isEndless && (folder.folders.size + folder.keys.count >= wanted || folder.scanned >= scannedMax)) break;
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
    if (this.folderOf(key, false)?.keys.delete(key) !== true) return;
    this.names--;
    this.changed();
  }

  /** Puts a key in that was made or renamed. */
  add(key: string): void {
    this.names += this.folderOf(key, true)?.keys.add([key]) ?? 0;
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
        next = this.addFolder(folder, name, 1);
        folder.folderNames.add([name]);
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
    const made: string[] = [];
    for (const [name, count] of exact?.folders ?? step.folders) {
      const known = folder.folders.get(name);
      if (known === undefined) {
        this.addFolder(folder, name, count);
        made.push(name);
      } else if (exact !== undefined) known.count = count;
      else if (folder.keysExpected === undefined) known.count += count;
    }
    folder.folderNames.add(made);
    this.names += folder.keys.add(step.keys);
    if (folder.keysExpected !== undefined && folder.keys.count >= folder.keysExpected) folder.isDone = true;
    this.changed();
  }

  private addFolder(parent: Folder, name: string, count: number): Folder {
    const made = makeFolder(name, parent);
    made.count = count;
    parent.folders.set(name, made);
    this.names++;
    return made;
  }

  private changed(): void {
    const spans: Span[] = [];
    this.rowCount = addSpans(this.root, -1, 0, spans);
    this.spans = spans;
    this.known = this.root.keys.count;
    for (const { count } of this.root.folders.values()) this.known += count;
    this.onChange();
  }
}

function makeFolder(name: string, parent: Folder | undefined): Folder {
  return {
    kind: 'folder',
    prefix: parent === undefined ? name : parent.prefix + name,
    name,
    depth: parent === undefined ? -1 : parent.depth + 1,
    parent,
    isOpen: false,
    count: 0,
    folders: new Map(),
    folderNames: new SortedNames(),
    openNames: new Set(),
    keys: new SortedNames(),
    position: '',
    isDone: false,
    isLoading: false,
    scanned: 0,
    error: undefined,
    keysExpected: undefined,
  };
}

/** Adds what is in an open folder, from the row `start`; the first row after it. */
function addSpans(folder: Folder, head: number, start: number, spans: Span[]): number {
  let row = start;
  const add = (kind: Span['kind'], count: number, from: number): void => {
    if (count > 0) spans.push({ kind, folder, head, start: row, count, from });
    row += count;
  };
  let from = 0;
  const open = [...folder.openNames].map((name) => folder.folderNames.find(name)).sort((a, b) => a - b);
  for (const place of open) {
    add('folders', place + 1 - from, from);
    from = place + 1;
    row = addSpans(folder.folders.get(folder.folderNames.at(place)!)!, row - 1, row, spans);
  }
  add('folders', folder.folderNames.count - from, from);
  add('keys', folder.keys.count, 0);
  add('more', !folder.isDone || folder.error !== undefined ? 1 : 0, 0);
  return row;
}
