// sorted-names: the names of a folder in the order in which people read them, kept in it while thousands more come.
//
// The tree draws after every step of a load. Sorting all names each time took 50 ms at ten thousand names and grew from there;
// here a name that comes costs a search, and a step one pass over the names behind the first new one.
const collator = new Intl.Collator(undefined, { numeric: true });

/** Numbers by their value, letters by the language; names that differ in nothing else by their code units. */
export function compareNames(a: string, b: string): number {
  const order = collator.compare(a, b);
  if (order !== 0) return order;
  return a < b ? -1 : a > b ? 1 : 0;
}

export class SortedNames {
  private readonly names: string[] = [];

  constructor(private readonly compare: (a: string, b: string) => number = compareNames) {}

  get count(): number {
    return this.names.length;
  }

  at(index: number): string | undefined {
    return this.names[index];
  }

  /** Where the name is, or else -1 minus where it would be. */
  find(name: string, from = 0): number {
    let low = from;
    let high = this.names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.compare(this.names[middle]!, name);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return -1 - low;
  }

  /** Adds those that are not there; how many. */
  add(names: readonly string[]): number {
    const coming: string[] = [];
    /** For each of them, how many of the old names come before it. */
    const places: number[] = [];
    let low = 0;
    for (const name of [...new Set(names)].sort(this.compare)) {
      const found = this.find(name, low);
      low = found < 0 ? -1 - found : found;
      if (found >= 0) continue;
      coming.push(name);
      places.push(low);
    }
    // From the end, so that each old name moves once, and those before the first new one not at all.
    const all = this.names;
    let from = all.length;
    for (const name of coming) all.push(name);
    for (let index = coming.length - 1, to = all.length - 1; index >= 0; index--) {
      const place = places[index]!;
      while (from > place) all[to--] = all[--from]!;
      all[to--] = coming[index]!;
    }
    return coming.length;
  }

  /** False when it was not there. */
  delete(name: string): boolean {
    const index = this.find(name);
    if (index >= 0) this.names.splice(index, 1);
    return index >= 0;
  }
}
