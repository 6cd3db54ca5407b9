// extra-keys: keys of the target that no key of the source stands for, within the filters.

import { addTo } from '../../base/grouped.js';
import type { Filters } from '../filters.js';
import type { KeyAccess } from '../link/key-access.js';

/** Names in the database of the target, a page at a time. */
export async function* extraKeys(
  source: KeyAccess,
  target: KeyAccess,
  filters: Filters,
  database: number,
): AsyncGenerator<Uint8Array[], void> {
  for await (const page of target.scan(database)) {
    const hasSource = new Set<number>();
    const isOurs = new Set<number>();
    const asked = new Map<number, { readonly place: number; readonly key: Uint8Array }[]>();
    page.forEach((name, place) => {
      for (const original of filters.originals(name, database)) {
        isOurs.add(place);
        addTo(asked, original.database, { place, key: original.key });
      }
    });
    for (const [from, list] of asked) {
      const exist = await source.exists(
        from,
        list.map(({ key }) => key),
      );
      exist.forEach((exists, index) => {
        if (exists) hasSource.add(list[index]!.place);
      });
    }
    const extras = page.filter((_name, place) => isOurs.has(place) && !hasSource.has(place));
    if (extras.length > 0) yield extras;
  }
}
