// hostile-names: every view of the page over names and texts that are HTML, turn the text around, are no UTF-8, or have a megabyte.
//
// The policy of the page would refuse scripts anyway. The test asks for more: none of these texts may become an element at all, none
// may change the order of the letters beside it, and the page stays small and without a fault.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, describe, it } from 'node:test';
import { Connection } from '../../src/client/connection.js';
import { isError, replyText } from '../../src/client/reply.js';
import { userWith } from './admin-client.js';
import type { PageStage, Seat } from './page-stage.js';
import { startLiar, type Nested } from './liar.js';

/** Where blanks are allowed, and where they are not (names of clients and users). */
const markup = `"'><img src=x onerror=hacked(1)><script>hacked(2)</script><svg onload=hacked(3)></svg>`;
const tight = '<img/src=x/onerror=hacked(4)>';
/** Letters after the mark run from right to left: this would look like a picture. */
const turned = 'user\u202egpj.exe';
const turnedShown = 'user\\xe2\\x80\\xaegpj.exe';
const broken = Buffer.from('\xff\xfe<b>\0', 'latin1');
const brokenShown = '\\xff\\xfe<b>\\x00';
const long = `${'<b>L'.repeat(1 << 18)}`;
/** Names of properties that every object of JavaScript has. */
const inherited = ['constructor', '__proto__', 'toString'];

const pageLengthMax = 4_000_000;

/** A fault that only such a text can have made, in the page or in the shadow of an editor; undefined if there is none. */
const intruder = `(() => {
  if (globalThis.hacked !== undefined) return 'a script ran';
  const selector = 'img[src="x"], script:not([src]), [onerror], [onload], iframe, object, embed, base, a[href^="javascript"]';
  const look = (root) => {
    const found = root.querySelector(selector);
    if (found !== null) return found.outerHTML;
    for (const element of root.querySelectorAll('*')) {
      const inner = element.shadowRoot === null ? undefined : look(element.shadowRoot);
      if (inner !== undefined) return inner;
    }
    return undefined;
  };
  const html = document.documentElement.outerHTML;
  if (html.length > ${pageLengthMax}) return html.length + ' characters of HTML';
  const mark = /[\\u202a-\\u202e\\u2066-\\u2069]/.exec(html);
  if (mark !== null) return 'a mark of direction: ' + html.slice(Math.max(0, mark.index - 80), mark.index + 80);
  return look(document);
})()`;

type Words = readonly (string | Uint8Array)[];

async function send(client: Connection, ...commands: Words[]): Promise<void> {
  for (const words of commands) {
    const reply = await client.call(...words);
    assert.ok(!isError(reply), `${String(words[0])}: ${replyText(reply)}`);
  }
}

const named = (prefix: string, name: string | Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(prefix), Buffer.from(name)]);

/** What a server of ours can hold. */
async function fill(client: Connection): Promise<void> {
  for (const name of [markup, turned, broken])
    await send(
      client,
      ['SET', named('text:', name), name],
      ['HSET', named('hash:', name), name, name],
      ['XADD', named('stream:', name), '1-1', name, name],
      ['XGROUP', 'CREATE', named('stream:', name), name, '0'],
      ['XREADGROUP', 'GROUP', name, name, 'STREAMS', named('stream:', name), '>'],
    );
  await send(
    client,
    ['SET', `json:${markup}`, JSON.stringify({ [markup]: markup, [turned]: turned })],
    ['RPUSH', `list:${markup}`, markup, turned, broken],
    ['SADD', `set:${markup}`, markup, turned, broken],
    ['ZADD', `zset:${markup}`, '1', markup, '2', turned],
    ['GEOADD', `geo:${markup}`, '1', '1', markup, '2', '2', turned],
    ['SET', `long:${long}`, long],
    ['HSET', 'hash:long', long, long],
    ['XADD', 'stream:long', '1-1', long, long],
    ['ACL', 'SETUSER', tight, 'on', '>secret', `~${tight}*`, `~${turned}*`],
    ['FUNCTION', 'LOAD', `#!lua name=hostile\n-- ${markup} ${turned}\nredis.register_function('f', function() end)`],
    ['CLIENT', 'SETNAME', tight],
    ['CONFIG', 'SET', 'slowlog-log-slower-than', '0'],
    ['GET', markup],
    ['GET', turned],
    ['GET', broken],
    ['CONFIG', 'SET', 'slowlog-log-slower-than', '-1'],
  );
  // Denied: an entry of ACL LOG.
  await client.call('AUTH', tight, markup);
}

/** Each key with how the page shows its name. */
const keys: readonly (readonly [string, string])[] = [
  ...['text:', 'hash:', 'stream:'].flatMap((prefix) =>
    [markup, turnedShown, brokenShown].map((name) => [prefix, name] as const),
  ),
  ...['json:', 'list:', 'set:', 'zset:', 'geo:'].map((prefix) => [prefix, markup] as const),
  ['long:', '<b>L<b>L'],
  ['hash:', 'long'],
  ['stream:', 'long'],
];

const liarInfo = [
  `redis_version:${markup}`,
  `# ${markup}`,
  `${markup}:${markup}`,
  `${turned}:${turned}`,
  `long:${long}`,
  ...inherited.map((name) => `${name}:${name}`),
  `os:${markup}`,
  'role:slave',
  `master_host:${turned}${markup}`,
  '',
].join('\r\n');

function sentinelAnswer(words: string): Nested | undefined {
  const fields = [
    'name',
    markup,
    'ip',
    markup,
    'port',
    turned,
    'flags',
    `master,${markup},${turned}`,
    'num-slaves',
    long,
  ];
  if (/^SENTINEL (MASTERS|REPLICAS|SENTINELS)/.test(words)) return [fields];
  // Two pushes, one after the other.
  return undefined;
}

function clusterAnswer(words: string, port: number): Nested | undefined {
  const [one, other] = ['a'.repeat(40), 'b'.repeat(40)];
  if (words === 'CLUSTER SLOTS') return [[0, 16383, ['127.0.0.1', port, one]]];
  if (words === 'CLUSTER INFO') return `cluster_state:${markup}\r\ncluster_slots_assigned:${turned}\r\n`;
  if (words === 'CLUSTER NODES')
    return `${one} 127.0.0.1:${port}@1,${tight} myself,master,fail${tight} - 0 0 1 connected 0-16383\n${other} ${tight}:1@1 slave,fail?,${turned} ${one} 0 0 1 ${tight}\n`;
  return undefined;
}

async function startCodisLiar(stage: PageStage): Promise<string> {
  const server = { server: markup, datacenter: markup, action: { state: turned } };
  const answer = JSON.stringify({
    version: markup,
    model: { product_name: markup },
    stats: {
      slots: [{ id: 1, group_id: 1, action: { state: markup, target_id: 1 } }],
      group: {
        models: [{ id: 1, promoting: { state: turned }, servers: [server, server] }],
        stats: { [markup]: { error: { Cause: markup } } },
      },
      proxy: {
        models: [{ id: 1, token: markup, proxy_addr: long }],
        stats: { [markup]: { error: { Cause: markup } } },
      },
      sentinels: { model: { servers: [markup] } },
      slot_action: { disabled: true, progress: { status: markup } },
    },
  });
  const listener = createServer((_request, response) => void response.end(answer));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  stage.endWith(() => void listener.close());
  return `127.0.0.1:${(listener.address() as AddressInfo).port}`;
}

async function addLiars(stage: PageStage): Promise<void> {
  const refusal = `${markup} ${turned} is no answer`;
  const add = async (
    name: string,
    info: string,
    answer: (words: string, port: number) => Nested | undefined = () => undefined,
    more: { codisDashboard?: string } = {},
  ): Promise<void> => {
    const server = await startLiar({ info: `${liarInfo}${info}`, answer, refusal, messages: [markup, turned, long] });
    stage.endWith(() => server.stop());
    await stage.add({ name, nodes: [`127.0.0.1:${server.port}`], ...more });
  };
  await add(
    'lying sentinel',
    `redis_mode:sentinel\r\nsentinel_masters:1\r\nmaster0:name=${markup},status=ok\r\n`,
    sentinelAnswer,
  );
  const pool = `pool_${markup}:client_connections=${markup}\r\npool_${markup}_server0:name=${markup},address=${turned},state=constructor\r\n`;
  await add('lying proxy', `proxy:1\r\n# Pools\r\n${pool}pool___proto__:client_err=1\r\n`);
  await add('lying cluster', 'redis_mode:cluster\r\ncluster_enabled:1\r\n', clusterAnswer);
  await add(
    'lying server',
    'db0:keys=5,expires=0\r\n',
    (words) => (words.startsWith('TYPE') ? 'constructor' : words.startsWith('SCAN') ? ['0', ['lie']] : undefined),
    { codisDashboard: await startCodisLiar(stage) },
  );
}

export function hostileNames(stage: PageStage): void {
  describe('over hostile names', () => {
    const name = `evil ${markup}`.slice(0, 60);
    let client: Connection;
    let seat: Seat;
    const check = async (where: string): Promise<void> => {
      assert.equal(await seat.page.evaluate(intruder), undefined, where);
    };
    /** Opens a view that has to show such a text, or the check of it would prove nothing. */
    const shows = async (id: string, ...views: string[]): Promise<void> => {
      for (const view of views) {
        await seat.open(id, view);
        await seat.page.locator('.content').getByText('=hacked(').first().waitFor();
        await check(view);
      }
    };
    before(async () => {
      client = await Connection.open({ host: '127.0.0.1', port: stage.server.port, timeoutMs: 60_000 });
      stage.endWith(() => client.close());
      await fill(client);
      await stage.add({ name, group: markup.slice(0, 60), nodes: [`127.0.0.1:${stage.server.port}`] });
      await stage.run(name, ['SET', markup, markup], ['SET', turned, turned], ['DEL', markup, turned]);
      await addLiars(stage);
      // Names of people are letters and digits; the prefixes of their keys are not.
      await userWith(stage.root, 'evil', { role: 'viewer', prefixes: [tight, turned] });
      for (const [path, body] of [
        ['rules', { rule: { id: 'hostile', name: markup, condition: { kind: 'down' }, forMs: 0, severity: 'info' } }],
        ['channels', { channel: { id: 'hostile', name: markup, type: 'webhook', url: 'http://127.0.0.1:1/' } }],
      ] as const) {
        const answer = await stage.root.post(`/api/alerts/${path}`, body);
        assert.equal(answer.status, 200, answer.text);
      }
      seat = await stage.seat(stage.root);
    });

    it('shows keys and values as they are, and no more of them than helps', async () => {
      await seeKeys(seat, stage.ids[name]!, check);
      await seat.page.getByText('Choose a key').or(seat.page.locator('.detail .key-title')).first().waitFor();
    });

    it('opens such a key from the views that name it', async () => {
      for (const view of ['analysis', 'bulk'])
        for (const [prefix, shown] of [
          ['text:', turnedShown],
          ['hash:', brokenShown],
        ] as const) {
          await seat.open(stage.ids[name]!, view);
          if (view === 'bulk') await seat.page.getByRole('button', { name: 'Search' }).click();
          await check(view);
          await seat.page
            .locator('.content')
            .getByRole('link', { name: `${prefix}${shown}`, exact: true })
            .first()
            .click();
          await seat.page.locator('.detail .key-title').getByText(`${prefix}${shown}`, { exact: true }).waitFor();
          await check(`a key from ${view}`);
        }
    });

    it('shows what a server tells as text', async () => {
      const id = stage.ids[name]!;
      await seat.open('', '');
      await seat.page.getByText('=hacked(').first().waitFor();
      await check('servers');
      await shows(id, 'clients', 'slowlog', 'acl');
      for (const view of ['overview', 'history', 'config', 'exchange']) {
        await seat.open(id, view);
        await check(view);
      }
      await seeLive(seat, id, client, check);
      await seat.open(id, 'scripts');
      await seat.page.getByRole('heading', { name: 'hostile' }).waitFor();
      const library = seat.page.locator('section', { has: seat.page.getByRole('heading', { name: 'hostile' }) });
      await library.getByText('Code', { exact: true }).click();
      await library.locator('.code-editor').waitFor();
      await check('scripts');
      await seat.open(id, 'bulk');
      await seat.page.getByRole('button', { name: 'Delete all keys' }).click();
      await seat.page.getByRole('dialog').getByText('=hacked(').first().waitFor();
      await check('a question');
      await seat.page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
      for (const view of ['alerts', 'users', 'audit']) {
        await seat.open('', view);
        await seat.page.locator('.main').getByText('=hacked(').first().waitFor();
        await check(view);
      }
    });

    it('shows what servers of all kinds lie as text', async () => {
      const { page, open } = seat;
      const { ids } = stage;
      await shows(
        ids['lying server']!,
        'overview',
        'codis',
        'slowlog',
        'clients',
        'config',
        'acl',
        'scripts',
        'analysis',
      );
      await open(ids['lying server']!, 'keys');
      await page.getByRole('treeitem', { name: 'lie' }).click();
      await page.locator('.detail').getByText('constructor').first().waitFor();
      await check('a key of no type');
      await shows(ids['lying proxy']!, 'overview', 'proxy');
      await page.getByText('constructor').first().waitFor();
      await shows(ids['lying cluster']!, 'overview', 'cluster');
      await shows(ids['lying sentinel']!, 'sentinel');
      await page.getByRole('button', { name: 'hacked' }).first().click();
      await page.getByRole('region', { name: 'Replicas' }).getByText('=hacked(').first().waitFor();
      await page.getByRole('button', { name: 'Follow' }).click();
      await page.getByRole('log').getByText('=hacked(').first().waitFor();
      await check('events of a sentinel');
      await seat.leave();
    });
  });
}

async function seeKeys({ page, open }: Seat, id: string, check: (where: string) => Promise<void>): Promise<void> {
  await open(id, 'keys');
  const tree = page.getByRole('tree');
  const folder = (name: string) => tree.locator('.node[aria-expanded]', { hasText: name });
  for (const [prefix, shown] of keys) {
    await folder(prefix).first().waitFor();
    if ((await folder(prefix).first().getAttribute('aria-expanded')) === 'false') await folder(prefix).first().click();
    await tree
      .locator('.node:not([aria-expanded])', { hasText: `${prefix}${shown}` })
      .first()
      .click();
    await page.locator('.detail .key-title', { hasText: `${prefix}${shown}` }).waitFor();
    await page.locator('.detail .stack .stack').first().waitFor();
    await page.locator('.detail').getByText('Loading …').first().waitFor({ state: 'hidden' });
    await check(`${prefix}${shown}`);
    if (prefix === 'stream:') {
      await page.getByRole('button', { name: 'Groups' }).click();
      await page.getByRole('region', { name: 'Groups' }).waitFor();
      const group = page.getByRole('region', { name: 'Groups' }).getByRole('button', { name: shown });
      if ((await group.count()) > 0) {
        await group.first().click();
        await page.getByRole('region', { name: 'Pending entries' }).getByText(shown).first().waitFor();
      }
      await check(`groups of ${shown}`);
    }
    if (prefix === 'geo:') {
      await page.getByText('As places on a map').click();
      await page.locator('svg.map').waitFor();
      await check('a map');
    }
    // Closed again: the rows below it would lie outside of what is drawn.
    await folder(prefix).first().click();
  }
}

/** The console, channels with their messages, and MONITOR. */
async function seeLive(
  { page, open }: Seat,
  id: string,
  client: Connection,
  check: (where: string) => Promise<void>,
): Promise<void> {
  await open(id, 'console');
  const prompt = page.getByLabel('Command', { exact: true });
  for (const line of [`ECHO '${markup.replaceAll("'", '')}'`, `${tight} no command`, 'GET text:user\u202egpj.exe']) {
    await prompt.fill(line);
    await prompt.press('Escape');
    await prompt.press('Enter');
    await page
      .locator('.out pre')
      .getByText(/=hacked\(|x80/)
      .last()
      .waitFor();
  }
  await page.locator('.out pre', { hasText: turnedShown }).waitFor();
  await check('console');
  for (const view of ['pubsub', 'monitor']) {
    await open(id, view);
    await page.getByRole('button', { name: view === 'pubsub' ? 'Subscribe' : 'Start' }).click();
    const log = page.getByRole('log');
    for (const text of [markup, turned, broken])
      while (
        !(await log
          .getByText(typeof text === 'string' ? (text === turned ? 'gpj' : 'hacked(') : 'xff')
          .first()
          .isVisible())
      )
        await client.call('PUBLISH', text, text);
    await check(view);
  }
}
