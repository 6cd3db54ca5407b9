// The page's tree of keys: its rows against a plain tree, the cost of a step among many names, and lists higher than a browser allows.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { importPageModule } from './page-module.js';

interface Folder {
  readonly kind: 'folder';
  readonly prefix: string;
  readonly isOpen: boolean;
  readonly isLoading: boolean;
  readonly error: string | undefined;
}
type Row = Folder | { kind: 'key'; key: string } | { kind: 'more'; folder: Folder };
interface Step {
  position: string;
  isDone: boolean;
  scanned: number;
  folders: [string, number][];
  keys: string[];
}
interface Model {
  readonly root: Folder;
  readonly rowCount: number;
  readonly known: number;
  rowAt(index: number): Row | undefined;
  parentIndex(index: number): number;
  load(folder: Folder, isEndless?: boolean): Promise<void>;
  toggle(folder: Folder): void;
  add(key: string): void;
  remove(key: string): void;
  halt(): void;
}
type Post = (what: string, query: { prefix: string; position: string }) => Promise<Step>;
interface TreeModule {
  TreeModel: new (
    server: { post: Post },
    separator: string,
    pattern: string,
    type: undefined,
    onChange: () => void,
    namesBound?: number,
  ) => Model;
}
interface Names {
  readonly count: number;
  at(index: number): string | undefined;
  add(names: readonly string[]): number;
  delete(name: string): boolean;
}
interface NamesModule {
  SortedNames: new (compare?: (a: string, b: string) => number) => Names;
  compareNames: (a: string, b: string) => number;
}
interface ScaleModule {
  heightMax: number;
  scrollScale: (
    list: number,
    view: number,
  ) => { height: number; topOf(top: number): number; scrollOf(top: number): number };
}

const seed = Number(process.env.KVASIR_TREE_SEED ?? Date.now() % 1_000_000);

describe(`the tree of keys in the page (KVASIR_TREE_SEED=${seed})`, () => {
  let tree: TreeModule;
  let sorted: NamesModule;
  before(async () => {
    tree = await importPageModule<TreeModule>('views/tree-model');
    sorted = await importPageModule<NamesModule>('views/sorted-names');
  });

  /** A server with these keys, which gives a few of them in each step, some of them twice. */
  function serverOf(keys: readonly string[], perStep: number): { post: Post } {
    return {
      post: (_, { prefix, position }) => {
        const from = position === '' ? 0 : Number(position);
        const step: Step = {
          position: String(from + perStep),
          isDone: from + perStep >= keys.length,
          scanned: perStep,
          folders: [],
          keys: [],
        };
        const folders = new Map<string, number>();
        for (const key of keys.slice(Math.max(0, from - 1), from + perStep)) {
          if (!key.startsWith(prefix)) continue;
          const end = key.indexOf(':', prefix.length);
          if (end < 0) step.keys.push(key);
          else {
            const name = key.slice(prefix.length, end + 1);
            folders.set(name, (folders.get(name) ?? 0) + 1);
          }
        }
        step.folders = [...folders];
        return Promise.resolve(step);
      },
    };
  }

  /** The rows of what is open, made of all keys. */
  function plainRows(keys: readonly string[], open: ReadonlySet<string>, prefix: string): string[] {
    const here = keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
    const folders = new Set(
      here.filter((rest) => rest.includes(':')).map((rest) => rest.slice(0, rest.indexOf(':') + 1)),
    );
    return [
      ...[...folders]
        .sort(sorted.compareNames)
        .flatMap((name) => [
          `folder ${prefix}${name}`,
          ...(open.has(prefix + name) ? plainRows(keys, open, prefix + name) : []),
        ]),
      ...here
        .filter((rest) => !rest.includes(':'))
        .map((rest) => prefix + rest)
        .sort(sorted.compareNames)
        .map((key) => `key ${key}`),
    ];
  }

  function shownRows(model: Model): string[] {
    return Array.from({ length: model.rowCount }, (_, index) => {
      const row = model.rowAt(index)!;
      return row.kind === 'folder' ? `folder ${row.prefix}` : row.kind === 'key' ? `key ${row.key}` : 'more';
    });
  }

  it('has the rows of a plain tree, whatever is opened, closed, added and removed', async () => {
    const prng = new Prng(seed);
    const below = (limit: number): number => prng.below(limit);
    const name = (): string => `${['a', 'B', 'é', '中', '1', '10', '01', ''][below(8)]!}${below(4)}`;
    const keys = new Set(Array.from({ length: 300 }, () => Array.from({ length: 1 + below(4) }, name).join(':')));
    const model = new tree.TreeModel(serverOf([...keys], 7), ':', '', undefined, () => undefined);
    await model.load(model.root, true);
    const open = new Set<string>();
    for (let round = 0; round < 80; round++) {
      const row = model.rowAt(below(model.rowCount));
      if (row?.kind === 'folder') {
        model.toggle(row);
        if (row.isOpen) {
          open.add(row.prefix);
          while (row.isLoading) await new Promise(setImmediate);
        } else open.delete(row.prefix);
      } else if (row?.kind === 'key' && below(2) === 0) {
        // A folder stays when its last key goes; the plain tree has none then.
        const parent = row.key.slice(0, row.key.lastIndexOf(':') + 1);
        if ([...keys].filter((key) => key.startsWith(parent)).length < 2) continue;
        model.remove(row.key);
        keys.delete(row.key);
      } else {
        const parent = row?.kind === 'key' ? row.key.slice(0, row.key.lastIndexOf(':') + 1) : '';
        const key = `${parent}${name()}`;
        model.add(key);
        keys.add(key);
      }
      const rows = shownRows(model);
      assert.deepEqual(rows, plainRows([...keys], open, ''), `round ${round}`);
      for (const [index, text] of rows.entries()) {
        const path = text.slice(text.indexOf(' ') + 1);
        const parent = path.slice(0, path.lastIndexOf(':', path.length - 2) + 1);
        assert.equal(model.parentIndex(index), rows.indexOf(`folder ${parent}`), `${text}, round ${round}`);
      }
    }
  });

  it('compares a name that comes with few of those that are there', () => {
    let compared = 0;
    const names = new sorted.SortedNames((a, b) => {
      compared++;
      return sorted.compareNames(a, b);
    });
    const all = Array.from({ length: 100_000 }, (_, index) => `session:${index}`);
    assert.equal(names.add(all), all.length);
    const coming = Array.from({ length: 1000 }, (_, index) => `session:${index * 97}x`);
    compared = 0;
    assert.equal(names.add([...coming, ...coming, ...all.slice(0, 10)]), 1000);
    assert.ok(compared < 1010 * 30, `${compared} comparisons`);
    assert.equal(names.count, 101_000);
    for (let index = 1; index < names.count; index++)
      assert.ok(sorted.compareNames(names.at(index - 1)!, names.at(index)!) < 0);
    assert.ok(names.delete('session:97x') && !names.delete('session:97x'));
  });

  it('stops when it is asked to, and when it holds as many names as a page can', async () => {
    const keys = Array.from({ length: 5000 }, (_, index) => `key${index}`);
    let steps = 0;
    const server = serverOf(keys, 100);
    const model: Model = new tree.TreeModel(
      {
        post: (what, query) => {
          if (++steps === 3) model.halt();
          return server.post(what, query);
        },
      },
      ':',
      '',
      undefined,
      () => undefined,
      1000,
    );
    await model.load(model.root, true);
    assert.equal(model.rowCount, 301);
    await model.load(model.root, true);
    assert.equal(model.rowCount, 1001);
    assert.match(model.root.error ?? '', /by a pattern/);
    assert.equal(model.known, 1000);
  });

  it('scrolls through lists that are higher than a browser lets an element be', async () => {
    const { heightMax, scrollScale } = await importPageModule<ScaleModule>('views/scroll-scale');
    for (const [list, view] of [
      [0, 600],
      [5000, 600],
      [heightMax, 600],
      [30_000_000, 600],
      [300_000_000, 900],
    ] as const) {
      const { height, topOf, scrollOf } = scrollScale(list, view);
      assert.ok(height <= heightMax);
      assert.equal(topOf(0), 0);
      const end = Math.max(0, list - view);
      assert.ok(Math.abs(topOf(Math.max(0, height - view)) - end) < 1, `the end of ${list}`);
      for (const top of [0, end / 3, end]) assert.ok(Math.abs(topOf(scrollOf(top)) - top) < 1);
    }
  });
});
