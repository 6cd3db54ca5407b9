// What goes on while somebody looks: jobs with their progress, live views with the bounds that protect servers, and servers that stop in the middle.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { systemEnvironment } from '../../src/io/environment.js';
import { bulk, type Script, ScriptedServer } from '../monitor/scripted-server.js';
import { until } from '../sentinel/fleet.js';
import { firstAdmin, jobEnd, startTestAdmin, type TestAdmin, userWith, type Visitor } from './admin-client.js';
import { HandClock } from './hand-clock.js';

const info = bulk(
  '# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\ndb0:keys=3000,expires=0\r\n',
);
/** How long the admin waits for a reply of a server. */
const replyMs = 15_000;
const monitorMs = 300_000;

function scanReply(cursor: string, keys: readonly string[]): string {
  const words = keys.map((key) => `$${key.length}\r\n${key}\r\n`).join('');
  return `*2\r\n$${cursor.length}\r\n${cursor}\r\n*${keys.length}\r\n${words}`;
}

/** Events of the program as a page gets them. */
class Events {
  readonly lines: string[] = [];
  dropped = 0;
  reason: string | undefined;
  isClosed = false;
  private text = '';

  private constructor(
    private readonly sent: ClientRequest,
    response: IncomingMessage,
  ) {
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.take(chunk));
    response.on('error', () => undefined);
    response.on('close', () => (this.isClosed = true));
  }

  /** The number of the status where the program refuses. */
  static async open(visitor: Visitor, path: string): Promise<Events | number> {
    const sent = request({
      host: '127.0.0.1',
      port: visitor.port,
      path,
      headers: { cookie: visitor.cookie },
      agent: false,
    });
    sent.on('error', () => undefined);
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    if (response.statusCode === 200) return new Events(sent, response);
    response.resume();
    return response.statusCode ?? 0;
  }

  close(): void {
    this.sent.destroy();
  }

  private take(chunk: string): void {
    const parts = (this.text + chunk).split('\n\n');
    this.text = parts.pop()!;
    for (const part of parts) {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/s.exec(part) ?? [];
      if (data === undefined) continue;
      const value = JSON.parse(data) as unknown;
      if (name === 'dropped') this.dropped += (value as { count: number }).count;
      else if (name === 'end') this.reason = (value as { reason: string }).reason;
      else this.lines.push(typeof value === 'string' ? value : JSON.stringify(value));
    }
  }
}

describe('the admin while things happen', () => {
  const ends: (() => Promise<void> | void)[] = [];
  const context = { after: (run: () => Promise<void> | void) => void ends.push(run) } as never;
  const clock = new HandClock();
  let server: ScriptedServer;
  let admin: TestAdmin;
  let root: Visitor;
  let id: string;
  /** What the server does besides INFO. */
  let script: Script;

  before(async () => {
    server = await ScriptedServer.start((words, socket) => {
      if (words[0] === 'INFO') socket.write(info);
      else script(words, socket);
    });
    ends.push(() => server.stop());
    admin = await startTestAdmin(context, { environment: { ...systemEnvironment, clock } });
    root = await firstAdmin(admin);
    id = String((await root.post('/api/servers', { name: 'one', nodes: [`127.0.0.1:${server.port}`] })).json().id);
  });
  after(async () => {
    for (const end of ends.reverse()) await end();
  });

  /** A server that gives a third of its keys, and the rest when it is let. */
  const halting = (): { release: () => void; isHeld: () => boolean; socket: () => Socket } => {
    let held: (() => void) | undefined;
    let last: Socket | undefined;
    script = (words, socket) => {
      if (words[0] === 'DBSIZE') socket.write(':3000\r\n');
      else if (words[0] === 'SCAN' && words[1] === '0') socket.write(scanReply('7', ['a', 'b']));
      else if (words[0] === 'SCAN') {
        last = socket;
        held = () => void socket.write(scanReply('0', ['c']));
      } else socket.write(':1\r\n');
    };
    return { release: () => held!(), isHeld: () => held !== undefined, socket: () => last! };
  };
  const startSearch = async (): Promise<string> =>
    String((await root.post(`/api/servers/${id}/search`, { pattern: '*', preview: true })).json().job);
  const look = async (job: string): Promise<Record<string, unknown>> => (await root.get(`/api/jobs/${job}`)).json();

  it('tells how far a search and a change of many keys are', async () => {
    const first = halting();
    const search = await startSearch();
    await until('the second part is asked for', () => Promise.resolve(first.isHeld()));
    const { state, done, total, matched, result } = await look(search);
    assert.deepEqual([state, done, total, matched, result], ['running', 1000, 3000, 2, undefined]);
    first.release();
    const found = await jobEnd(root, search);
    assert.deepEqual([found.state, found.done, found.total, found.matched], ['done', 3000, 3000, 3]);
    const second = halting();
    const { preview } = found.result as { preview: string };
    const order = { change: 'delete', pattern: '*', preview, confirm: 'one' };
    const bulkJob = String((await root.post(`/api/servers/${id}/bulk`, order)).json().job);
    await until('the second part is asked for', () => Promise.resolve(second.isHeld()));
    const half = await look(bulkJob);
    assert.deepEqual([half.state, half.done, half.total, half.matched], ['running', 1000, 3000, 2]);
    // Cancelled here, it changes what it had found and no more.
    await root.post(`/api/jobs/${bulkJob}/cancel`);
    second.release();
    const end = await jobEnd(root, bulkJob);
    assert.deepEqual([end.state, end.result], ['cancelled', { changed: 2 }]);
  });

  it('ends the change of somebody who is deleted meanwhile', async () => {
    const first = halting();
    const editor = await userWith(root, 'leaving', { role: 'editor' });
    const search = String((await editor.post(`/api/servers/${id}/search`, { pattern: '*' })).json().job);
    await until('the second part is asked for', () => Promise.resolve(first.isHeld()));
    first.release();
    const { preview } = (await jobEnd(editor, search)).result as { preview: string };
    const second = halting();
    const deleted: string[] = [];
    const answers = script;
    script = (words, socket) => {
      if (words[0] === 'UNLINK') deleted.push(words[1]!);
      answers(words, socket);
    };
    await editor.post(`/api/servers/${id}/bulk`, { change: 'delete', pattern: '*', preview, confirm: 'one' });
    await until('the second part is asked for', () => Promise.resolve(second.isHeld()));
    assert.deepEqual(deleted, ['A', 'B']);
    assert.equal((await root.post('/api/users/leaving/delete')).status, 200);
    second.release();
    const result = async (): Promise<string | undefined> =>
      (await root.get('/api/audit'))
        .json<{ lines: { user: string; action: string; result: string }[] }>()
        .lines.find(
          ({ user, action, result: how }) => user === 'leaving' && action === 'bulk delete' && how !== 'started',
        )?.result;
    assert.equal(await until('it has ended', result), 'cancelled');
    assert.deepEqual(deleted, ['A', 'B']);
  });

  it('gives up on a server that hangs, wherever it does, and goes on when that is back', async () => {
    const hang = async (reply: string | Uint8Array): Promise<void> => {
      let isAsked = false;
      script = (_, socket) => {
        isAsked = true;
        socket.write(reply);
      };
      const answer = root.post(`/api/servers/${id}/commands`, { commands: [['GET', 'a']] });
      await until('it is asked', () => Promise.resolve(isAsked));
      assert.ok(clock.fire(replyMs) > 0);
      const { status, text } = await answer;
      assert.equal(status, 502);
      assert.match(text, /one did not reply within 15 seconds/);
      script = (_, socket) => void socket.write('$1\r\nx\r\n');
      const again = await root.post(`/api/servers/${id}/commands`, { commands: [['GET', 'a']] });
      assert.deepEqual(again.json().replies, ['x'], again.text);
    };
    await hang('');
    await hang('$1000\r\nonly the begin');
    await hang('*2\r\n$1\r\na\r\n');
    // In the middle of a job, by silence and by its end.
    for (const how of ['hangs', 'dies'] as const) {
      const halted = halting();
      const job = await startSearch();
      await until('the second part is asked for', () => Promise.resolve(halted.isHeld()));
      if (how === 'hangs') clock.fire(replyMs);
      else halted.socket().destroy();
      const end = await jobEnd(root, job);
      assert.equal(end.state, 'failed', how);
      assert.match(String(end.message), how === 'hangs' ? /did not reply within 15 seconds/ : /one: /);
    }
    assert.deepEqual(admin.log, []);
  });

  /** The connections on which the server was asked to go on and on. */
  const listen = (): Socket[] => {
    const sockets: Socket[] = [];
    script = (words, socket) => {
      if (words[0] === 'MONITOR') socket.write('+OK\r\n');
      else if (words[0] === 'SUBSCRIBE') socket.write('*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n');
      else return;
      sockets.push(socket);
    };
    return sockets;
  };
  const monitor = (seconds = 10): Promise<Events | number> =>
    Events.open(root, `/api/servers/${id}/monitor?seconds=${seconds}`);

  it('passes on no more lines of MONITOR a second than help, and tells how many it left out', async () => {
    const sockets = listen();
    clock.stop();
    const events = (await monitor()) as Events;
    await until('MONITOR runs', () => Promise.resolve(sockets.length === 1));
    const lines = Array.from({ length: 2000 }, (_, index) => `+${index}.5 [0 127.0.0.1:1] "get" "k"\r\n`);
    sockets[0]!.end(lines.join(''));
    await until('the end is told', () => Promise.resolve(events.reason !== undefined));
    assert.deepEqual([events.lines.length, events.dropped], [500, 1500]);
    assert.match(events.lines[0]!, /^0\.5 /);
  });

  it('ends MONITOR by itself after five minutes, and when the page goes', async () => {
    const sockets = listen();
    const events = (await monitor(1_000_000)) as Events;
    await until('MONITOR runs', () => Promise.resolve(sockets.length === 1));
    assert.equal(clock.fire(monitorMs), 1);
    await until('the end is told', () => Promise.resolve(events.reason === 'time'));
    await until('the connection ends', () => Promise.resolve(!server.sockets.has(sockets[0]!)));
    const left = (await monitor()) as Events;
    await until('MONITOR runs', () => Promise.resolve(sockets.length === 2));
    left.close();
    await until('the connection ends', () => Promise.resolve(!server.sockets.has(sockets[1]!)));
  });

  it('counts live views from the first moment, and ends those whose page or session goes while they connect', async () => {
    const sockets = listen();
    const logins: Socket[] = [];
    const started = script;
    script = (words, socket) => (words[0] === 'AUTH' ? void logins.push(socket) : started(words, socket));
    const nodes = [`127.0.0.1:${server.port}`];
    const entry = await root.post('/api/servers', { name: 'slow', nodes, password: 'secret' });
    const visitor = await userWith(root, 'impatient', { role: 'operator' });
    const view = (): ClientRequest => {
      const sent = request({
        host: '127.0.0.1',
        port: visitor.port,
        path: `/api/servers/${String(entry.json().id)}/monitor`,
        headers: { cookie: visitor.cookie },
        agent: false,
      });
      sent.on('error', () => undefined);
      return sent.end();
    };
    const views = [view(), view(), view(), view(), view()];
    await until('all connect', () => Promise.resolve(logins.length === 5));
    assert.equal(await Events.open(visitor, `/api/servers/${id}/monitor`), 429);
    const isLost = (socket: Socket): boolean => !server.sockets.has(socket);
    for (const sent of views.slice(0, 4)) sent.destroy();
    // The four have left their places when another view finds one.
    let other: Events | number = 429;
    while (typeof other === 'number') other = await Events.open(visitor, `/api/servers/${id}/monitor`);
    for (const socket of logins.slice(0, 4)) socket.write('+OK\r\n');
    await until('their connections end', () => Promise.resolve(logins.slice(0, 4).every(isLost)));
    await visitor.post('/api/logout');
    logins[4]!.write('+OK\r\n');
    await until('the last ends', () => Promise.resolve(isLost(logins[4]!)));
    await until('the other ends', () => Promise.resolve(sockets.every(isLost)));
    assert.equal(sockets.filter((socket) => logins.slice(0, 4).includes(socket)).length, 0, 'MONITOR for nobody');
  });

  it('shows five live views at a time, and ends them with the session', async () => {
    const sockets = listen();
    const open: Events[] = [];
    for (let count = 0; count < 5; count++) open.push((await monitor()) as Events);
    assert.equal(await monitor(), 429);
    assert.equal(await Events.open(root, `/api/servers/${id}/subscribe?channel=c`), 429);
    await until('all run', () => Promise.resolve(sockets.length === 5));
    open.pop()!.close();
    await until('one has ended', () =>
      Promise.resolve(sockets.filter((socket) => server.sockets.has(socket)).length === 4),
    );
    const subscribed = (await Events.open(root, `/api/servers/${id}/subscribe?channel=c`)) as Events;
    await until('it listens', () => Promise.resolve(sockets.length === 6));
    // A message of a megabyte is shown by its beginning.
    const text = 'x'.repeat(1 << 20);
    sockets[5]!.write(`*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$${text.length}\r\n${text}\r\n`);
    await until('it is there', () => Promise.resolve(subscribed.lines.length === 1));
    assert.deepEqual(JSON.parse(subscribed.lines[0]!), { channel: 'c', text: 'x'.repeat(4000), bytes: 1 << 20 });
    await root.post('/api/logout');
    await until('all connections end', () => Promise.resolve(sockets.every((socket) => !server.sockets.has(socket))));
    await until('all views end', () => Promise.resolve([...open, subscribed].every(({ isClosed }) => isClosed)));
  });
});
