// How the page reads and changes hashes, lists, sets and sorted sets: its own code on servers of both kinds, without a browser.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type EmbeddedServer, startServer } from '../../src/embed/start-server.js';
import { peerMissing, type RedisPeer, startRedis } from '../peer.js';
import { firstAdmin, startTestAdmin, type TestAdmin, type Visitor } from './admin-client.js';
import { importPageModule } from './page-module.js';

interface Server {
  run(commands: readonly (readonly string[])[]): Promise<unknown[]>;
  one(...command: string[]): Promise<unknown>;
}
interface ApiModule {
  setSession(token: string, loggedOut: () => void): void;
  ServerApi: new (id: string, name: string, database: number) => Server;
}
interface Element {
  readonly name: string;
  readonly value: string;
  readonly ttlSeconds?: number;
  readonly cut?: string;
}
interface Kind {
  load(server: Server, key: string, from: string, match: string): Promise<{ elements: Element[]; next?: string }>;
  fields(element: Element | undefined): { name: string; value?: string }[];
  save(server: Server, key: string, old: Element | undefined, values: Record<string, string>): Promise<void>;
  remove(server: Server, key: string, element: Element): Promise<void>;
}
interface Kinds {
  readonly hash: Kind;
  readonly list: Kind;
  readonly set: Kind;
  readonly sortedSet: Kind;
}

/** Bytes that are no UTF-8, and a text that looks like an escape. */
const odd = ['a\udcff', '\\x41', '<b>', ''];

for (const product of ['Kvasir', 'redis-server'] as const)
  describe(
    `elements of collections on ${product}`,
    { skip: product === 'Kvasir' ? false : peerMissing('redis-server') },
    () => {
      const ends: (() => Promise<void> | void)[] = [];
      const context = { after: (run: () => Promise<void> | void) => void ends.push(run) } as never;
      const fetchBefore = globalThis.fetch;
      let kinds: Kinds;
      let server: Server;

      before(async () => {
        let peer: EmbeddedServer | RedisPeer;
        if (product === 'Kvasir') {
          const ours = (peer = await startServer({ port: 0 }));
          ends.push(() => ours.close());
        } else {
          const redis = (peer = await startRedis());
          ends.push(() => redis.stop());
        }
        const admin: TestAdmin = await startTestAdmin(context);
        const root: Visitor = await firstAdmin(admin);
        const answer = await root.post('/api/servers', { name: 'one', nodes: [`127.0.0.1:${peer.port}`] });
        // As the page's address and cookie would do.
        globalThis.fetch = (path, init) =>
          fetchBefore(`${admin.url.slice(0, -1)}${path as string}`, {
            ...init,
            headers: { ...(init?.headers as Record<string, string>), cookie: root.cookie },
          });
        const api = await importPageModule<ApiModule>('base/api');
        api.setSession(root.token, () => undefined);
        server = new api.ServerApi(String(answer.json().id), 'one', 0);
        kinds = await importPageModule<Kinds>('values/collection-kinds');
      });
      after(async () => {
        globalThis.fetch = fetchBefore;
        for (const end of ends.reverse()) await end();
      });

      /** All pages, each of which but the last has at least a hundred elements. */
      const all = async (kind: Kind, key: string, match = ''): Promise<Element[]> => {
        const elements: Element[] = [];
        for (let from = ''; ;) {
          const page = await kind.load(server, key, from, match);
          elements.push(...page.elements);
          if (page.next === undefined) return elements;
          assert.ok(page.elements.length >= 100 || match !== '', `${page.elements.length} elements`);
          from = page.next;
        }
      };
      /** What the dialog of an element would hold before anybody types. */
      const shown = (kind: Kind, element: Element | undefined): Record<string, string> =>
        Object.fromEntries(kind.fields(element).map(({ name, value = '' }) => [name, value]));
      const numbers = Array.from({ length: 1000 }, (_, index) => index);

      it('hashes: pages, matches, and fields that are added, changed, renamed, given a time and deleted', async () => {
        const { hash } = kinds;
        await server.run([['HSET', 'h', ...numbers.flatMap((index) => [`f${index}`, `v${index}`])]]);
        const found = await all(hash, 'h');
        assert.deepEqual(
          found.map(({ name, value }) => `${name} ${value}`).sort(),
          numbers.map((index) => `f${index} v${index}`).sort(),
        );
        assert.deepEqual((await all(hash, 'h', 'f99*')).map(({ name }) => name).sort(), [
          'f99',
          ...numbers.slice(990).map((index) => `f${index}`),
        ]);
        for (const text of odd) {
          await hash.save(server, 'small', undefined, { field: text, value: text });
          const [element] = (await all(hash, 'small')).filter(({ name }) => name === text);
          assert.deepEqual([element?.name, element?.value], [text, text]);
        }
        const element = (await all(hash, 'small')).find(({ name }) => name === '<b>')!;
        await hash.save(server, 'small', element, { ...shown(hash, element), value: 'changed' });
        await hash.save(server, 'small', { ...element, value: 'changed' }, { field: 'renamed', value: 'changed' });
        await hash.remove(server, 'small', { name: '\\x41', value: '\\x41' });
        const left = (await all(hash, 'small')).map(({ name, value }) => [name, value]).sort();
        assert.deepEqual(
          left,
          [
            ['', ''],
            ['a\udcff', 'a\udcff'],
            ['renamed', 'changed'],
          ].sort(),
        );
        if (product === 'redis-server') return; // 7.0 has no times of fields
        await hash.save(server, 'small', undefined, { field: 'short', value: 'x', ttl: '5000' });
        const short = async (): Promise<Element> => (await all(hash, 'small')).find(({ name }) => name === 'short')!;
        const before = await short();
        assert.ok(before.ttlSeconds! > 4000 && before.ttlSeconds! <= 5000);
        assert.equal((await all(hash, 'small')).find(({ name }) => name === 'renamed')!.ttlSeconds! > 0, false);
        // An edit of the value keeps the time; an empty time takes it away.
        await hash.save(server, 'small', before, { ...shown(hash, before), value: 'y' });
        const edited = await short();
        assert.ok(edited.value === 'y' && edited.ttlSeconds! > 4000);
        await hash.save(server, 'small', edited, { ...shown(hash, edited), ttl: '' });
        assert.equal(await server.one('HTTL', 'small', 'FIELDS', '1', 'short').then(String), '-1');
      });

      it('lists: pages in order, and elements that are put in anywhere, changed and deleted by their place', async () => {
        const { list } = kinds;
        await server.run([['RPUSH', 'l', ...numbers.map((index) => `v${index}`)]]);
        assert.deepEqual(
          await all(list, 'l'),
          numbers.map((index) => ({ name: String(index), value: `v${index}` })),
        );
        const values = async (): Promise<unknown> => server.one('LRANGE', 'few', '0', '-1');
        await server.run([['RPUSH', 'few', 'same', 'same', 'same']]);
        for (const [index, value] of [
          ['', 'last'],
          ['-1', 'first'],
          ['2', 'middle'],
          ['-2', 'a\udcff'],
        ] as const)
          await list.save(server, 'few', undefined, { index, value });
        assert.deepEqual(await values(), ['first', 'same', 'middle', 'same', 'a\udcff', 'same', 'last']);
        await list.save(server, 'few', { name: '3', value: 'same' }, { index: '3', value: '' });
        await list.remove(server, 'few', { name: '5', value: 'same' });
        assert.deepEqual(await values(), ['first', 'same', 'middle', '', 'a\udcff', 'last']);
        // Somebody else was quicker: the place holds another element now.
        await server.one('LPOP', 'few');
        for (const change of [
          () => list.save(server, 'few', { name: '1', value: 'same' }, { index: '1', value: 'x' }),
          () => list.remove(server, 'few', { name: '1', value: 'same' }),
        ])
          await assert.rejects(change, /changed meanwhile/);
        assert.deepEqual(await values(), ['same', 'middle', '', 'a\udcff', 'last']);
      });

      it('elements that are too long to be shown whole are marked, and deleted but not changed', async () => {
        const long = 'v'.repeat(17 << 20);
        await server.run([['RPUSH', 'long', long, 'short']]);
        await server.run([['HSET', 'wide', 'f', long]]);
        const shown = (await all(kinds.list, 'long')).map(({ name, value, cut }) => [name, value.length, cut]);
        assert.deepEqual(shown, [
          ['0', 16 << 20, 'value'],
          ['1', 5, undefined],
        ]);
        await assert.rejects(kinds.list.save(server, 'long', undefined, { index: '0', value: 'x' }), /too long/);
        assert.equal(String(await server.one('LLEN', 'long')), '2');
        const [field] = await all(kinds.hash, 'wide');
        assert.deepEqual([field!.name, field!.cut], ['f', 'value']);
        await kinds.list.remove(server, 'long', (await all(kinds.list, 'long'))[0]!);
        assert.deepEqual(await server.one('LRANGE', 'long', '0', '-1'), ['short']);
        await server.run([['DEL', 'long', 'wide']]);
      });

      it('sets: pages, matches, and members that are added, changed and deleted', async () => {
        const { set } = kinds;
        await server.run([['SADD', 's', ...numbers.map((index) => `m${index}`)]]);
        assert.deepEqual(
          (await all(set, 's')).map(({ name }) => name).sort(),
          numbers.map((index) => `m${index}`).sort(),
        );
        assert.deepEqual(
          (await all(set, 's', '*m123')).map(({ name }) => name),
          ['m123'],
        );
        for (const member of odd) await set.save(server, 'few-members', undefined, { member });
        await set.save(server, 'few-members', { name: '<b>', value: '' }, { member: 'changed' });
        await set.save(server, 'few-members', { name: '', value: '' }, { member: '' });
        await set.remove(server, 'few-members', { name: '\\x41', value: '' });
        const left = (await all(set, 'few-members')).map(({ name }) => name);
        assert.deepEqual(left.sort(), ['', 'a\udcff', 'changed'].sort());
      });

      it('sorted sets: pages by score, matches, and members and scores that are changed', async () => {
        const { sortedSet } = kinds;
        await server.run([['ZADD', 'z', ...numbers.flatMap((index) => [String(index / 4), `m${index}`])]]);
        assert.deepEqual(
          await all(sortedSet, 'z'),
          numbers.map((index) => ({ name: `m${index}`, value: String(index / 4) })),
        );
        assert.deepEqual(await all(sortedSet, 'z', 'm123'), [{ name: 'm123', value: '30.75' }]);
        for (const [index, member] of odd.entries())
          await sortedSet.save(server, 'ranks', undefined, { score: String(index), member });
        await sortedSet.save(server, 'ranks', { name: 'a\udcff', value: '0' }, { score: '-inf', member: 'a\udcff' });
        await sortedSet.save(server, 'ranks', { name: '<b>', value: '2' }, { score: '2', member: 'changed' });
        await sortedSet.remove(server, 'ranks', { name: '\\x41', value: '1' });
        await assert.rejects(
          sortedSet.save(server, 'ranks', undefined, { score: 'high', member: 'x' }),
          /not a valid float/,
        );
        assert.deepEqual(await all(sortedSet, 'ranks'), [
          { name: 'a\udcff', value: '-inf' },
          { name: 'changed', value: '2' },
          { name: '', value: '3' },
        ]);
      });
    },
  );
