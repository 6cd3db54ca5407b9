// stream-node-rebuild: makes a stream's node anew out of one whose entries can be read but whose counts are wrong.
//
// Redis walks a node forward by the flags and field counts of its entries and believes neither the counts of the master entry
// nor those at the entries' ends, so these may differ in what it loads. Its requirements hold here too: integers where they
// belong and all elements of an entry. Cold: sound nodes are adopted as they are. Layout: structures/stream-node.

import { ENTRY_DELETED, ENTRY_SAME_FIELDS } from '../../structures/stream-node.js';
import type { Listpacks } from '../../structures/listpack.js';
import { PackedCursor, Packing, Slice } from './packed.js';

/** Reads elements one by one; `failed` once one is missing or no integer. */
class Elements {
  failed = false;
  private readonly cursor = new PackedCursor();
  private readonly slice = new Slice();

  constructor(blob: Slice) {
    this.cursor.open(Packing.listpack, blob.bytes, blob.start, blob.length);
  }

  /** The next element, undefined at the end. */
  next(): Uint8Array | undefined {
    return this.cursor.next(this.slice) ? this.slice.copy() : undefined;
  }

  /** The next element's text, which must be an integer. */
  integer(): string {
    const text = this.next();
    const digits = text === undefined ? '' : String.fromCharCode(...text.subarray(0, 21));
    if (!/^-?[0-9]{1,19}$/.test(digits)) this.failed = true;
    return digits;
  }

  count(most: number): number {
    const count = Number(this.integer());
    if (!(count >= 0 && count <= most)) this.failed = true;
    return this.failed ? 0 : count;
  }

  take(count: number, into: Uint8Array[]): void {
    for (let left = count; left > 0 && !this.failed; left--) {
      const element = this.next();
      if (element === undefined) this.failed = true;
      else into.push(element);
    }
  }
}

interface Entry {
  readonly flags: number;
  /** Differences of the id, and the number of fields where it is stored. */
  readonly integers: readonly string[];
  readonly elements: readonly Uint8Array[];
}

function readEntry(elements: Elements, flagsText: string, masterFields: number, most: number): Entry {
  if (!/^-?[0-9]{1,4}$/.test(flagsText)) elements.failed = true;
  // Other bits mean nothing.
  const flags = Number(flagsText) & (ENTRY_DELETED | ENTRY_SAME_FIELDS);
  const integers = [elements.integer(), elements.integer()];
  let count = masterFields;
  if ((flags & ENTRY_SAME_FIELDS) === 0) {
    const fields = elements.count(most);
    integers.push(String(fields));
    count = 2 * fields;
  }
  const data: Uint8Array[] = [];
  elements.take(count, data);
  elements.integer();
  return { flags, integers, elements: data };
}

/** The ref of a sound node with the same entries; 0 when they cannot be read. */
export function rebuildStreamNode(listpacks: Listpacks, blob: Slice): number {
  const elements = new Elements(blob);
  // The two counts are found anew.
  elements.take(2, []);
  const masterFields = elements.count(blob.length);
  const master: Uint8Array[] = [];
  elements.take(masterFields, master);
  elements.integer();
  const entries: Entry[] = [];
  let live = 0;
  while (!elements.failed) {
    const flags = elements.next();
    if (flags === undefined) break;
    const entry = readEntry(elements, String.fromCharCode(...flags.subarray(0, 4)), masterFields, blob.length);
    entries.push(entry);
    if ((entry.flags & ENTRY_DELETED) === 0) live++;
  }
  if (elements.failed) return 0;
  let made = listpacks.create();
  const append = (element: Uint8Array): void => void (made = listpacks.append(made, element, 0, element.length));
  const appendText = (text: string): void => append(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
  for (const count of [live, entries.length - live, masterFields]) appendText(String(count));
  master.forEach(append);
  appendText('0');
  for (const { flags, integers, elements: data } of entries) {
    appendText(String(flags));
    integers.forEach(appendText);
    data.forEach(append);
    appendText(String(data.length + 1 + integers.length));
  }
  return made;
}
