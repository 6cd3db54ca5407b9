// A server as Sentinel or the proxy makes one: it stands on `service` alone and has no keys.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { type InProcessSocket, connectInProcess } from '../io/in-process.js';
import { systemEnvironment } from '../io/environment.js';
import { command } from '../registry/command.js';
import { CommandTable } from '../registry/table.js';
import type { CallFor, CommandFor, RunCall } from './call.js';
import { makeClientCommand } from './commands/client.js';
import { clientCommands, serviceCommands } from './commands/index.js';
import { Config } from './config/config.js';
import { number } from '../registry/option.js';
import { serviceOptions } from './config/service-options.js';
import { type GateEntry, HELD } from './dispatch/gates.js';
import { gauge } from './info/field.js';
import { provideServiceInfo } from './info/service-fields.js';
import { RespServer } from './resp-server.js';

const watch: CommandFor<WatchServer> = command({
  name: 'masters',
  since: '1.0.0',
  group: 'server',
  arity: 1,
  flags: ['fast'],
  args: [],
  summary: 'Counts the masters.',
  complexity: 'O(1)',
  run(call: CallFor<WatchServer>) {
    call.reply.integer(call.host.masters);
  },
});

const declarations = [...serviceCommands, ...clientCommands, makeClientCommand<CallFor<WatchServer>>([]), watch];

/** A bit that no other gate uses. */
const CLOSED = 1 << 30;

class WatchServer extends RespServer {
  readonly masters = 3;
  override mode = 'sentinel' as const;
  heldCount = 0;

  constructor(config: Config) {
    super(
      { runId: 'f'.repeat(40), config, environment: systemEnvironment, log: () => undefined },
      new CommandTable(declarations as unknown as readonly CommandFor<never>[]) as unknown as CommandTable<
        RunCall<undefined>
      >,
    );
    this.gateEntries = [...this.serviceGates(), this.closedGate()];
    this.followSettings();
    this.addServiceFeatures();
    provideServiceInfo(this);
    this.info.declare('sentinel', [gauge('sentinel_masters', 'Masters that are watched.', () => this.masters)]);
  }

  private closedGate(): GateEntry {
    return {
      bit: CLOSED,
      check: (_client, asked) => {
        if (asked.name !== 'masters') return asked.name === 'ping' ? 'CLOSED come back later' : undefined;
        this.heldCount++;
        this.call.reply.simple('HELD');
        return HELD;
      },
    };
  }
}
declarations satisfies readonly CommandFor<WatchServer>[];

function makeServer(): WatchServer {
  const own = number('masters-max', 8, 1, 100, {}, 'How many masters there may be.');
  return new WatchServer(new Config('/', [...serviceOptions, own]));
}

/** Sends a line and gives what comes back until `end` has come. */
async function ask(socket: InProcessSocket, line: string, end: RegExp = /\r\n$/): Promise<string> {
  let text = '';
  socket.write(`${line}\r\n`);
  while (!end.test(text)) {
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    text += bytes.toString('latin1');
  }
  return text;
}

describe('a server without keys', () => {
  it('serves what every server has, and its own commands', async () => {
    const server = makeServer();
    const socket = connectInProcess((wire) => server.accept(wire, false));
    assert.equal(await ask(socket, 'PING'), '+PONG\r\n');
    assert.equal(await ask(socket, 'masters'), ':3\r\n');
    assert.match(await ask(socket, 'HELLO 3', /modules\r\n\*0\r\n/), /^%6\r\n[^]*mode\r\n\$8\r\nsentinel\r\n/);
    assert.match(await ask(socket, 'INFO sentinel', /masters:3\r\n/), /# Sentinel\r\nsentinel_masters:3/);
    assert.match(await ask(socket, 'CLIENT LIST', /\n\r\n/), /id=1 addr=127\.0\.0\.1:0 .*cmd=client\|list/);
    assert.match(await ask(socket, 'GET a'), /^-ERR unknown command 'GET'/);
    assert.match(await ask(socket, 'CLIENT NOSUCH'), /^-ERR unknown subcommand 'NOSUCH'/);
    socket.destroy();
  });

  it('gives its figures to monitoring, with kind and help', () => {
    const server = makeServer();
    const metrics = [...server.info.metrics()];
    const of = (name: string): unknown => metrics.find((metric) => metric.name === name);
    const help = 'Masters that are watched.';
    assert.deepEqual(of('sentinel_masters'), {
      section: 'sentinel',
      name: 'sentinel_masters',
      kind: 'gauge',
      help,
      value: 3,
    });
    assert.equal(of('redis_version'), undefined, 'a text is no figure');
    assert.ok(metrics.every(({ value, help: text }) => Number.isFinite(value) && text !== ''));
  });

  it('has a table of directives of its own', async () => {
    const server = makeServer();
    const socket = connectInProcess((wire) => server.accept(wire, false));
    assert.equal(await ask(socket, 'CONFIG GET masters-max', /\r\n8\r\n$/), '*2\r\n$11\r\nmasters-max\r\n$1\r\n8\r\n');
    assert.equal(await ask(socket, 'CONFIG SET masters-max 9'), '+OK\r\n');
    assert.match(
      await ask(socket, 'CONFIG SET masters-max 900'),
      /^-ERR CONFIG SET failed .*must be between 1 and 100/,
    );
    assert.equal(await ask(socket, 'CONFIG GET appendonly'), '*0\r\n');
    assert.equal(await ask(socket, 'CONFIG SET timeout 7'), '+OK\r\n');
    assert.equal(server.settings.timeoutSeconds, 7);
    socket.destroy();
  });

  it('authenticates, and applies the rules of users', async () => {
    const server = makeServer();
    const socket = connectInProcess((wire) => server.accept(wire, false));
    assert.equal(await ask(socket, 'ACL SETUSER eve on >secret -@all +ping'), '+OK\r\n');
    assert.equal(await ask(socket, 'CONFIG SET requirepass word'), '+OK\r\n');
    const other = connectInProcess((wire) => server.accept(wire, false));
    assert.match(await ask(other, 'masters'), /^-NOAUTH/);
    assert.match(await ask(other, 'AUTH eve wrong'), /^-WRONGPASS/);
    assert.equal(await ask(other, 'AUTH eve secret'), '+OK\r\n');
    assert.equal(await ask(other, 'PING'), '+PONG\r\n');
    assert.match(await ask(other, 'masters'), /^-NOPERM User eve has no permissions/);
    assert.match(await ask(socket, 'ACL LOG', /client-info[^]*\r\n$/), /masters/);
    socket.destroy();
    other.destroy();
  });

  it('publishes to subscribers, who may do little else in RESP2', async () => {
    const server = makeServer();
    const [socket, other] = [1, 2].map(() => connectInProcess((wire) => server.accept(wire, false)));
    assert.equal(await ask(other!, 'SUBSCRIBE +sdown', /:1\r\n/), '*3\r\n$9\r\nsubscribe\r\n$6\r\n+sdown\r\n:1\r\n');
    assert.match(await ask(other!, 'masters'), /^-ERR Can't execute 'masters': only/);
    const message = once(other!, 'data') as Promise<[Buffer]>;
    assert.equal(await ask(socket!, 'PUBLISH +sdown gone'), ':1\r\n');
    assert.equal((await message)[0].toString(), '*3\r\n$7\r\nmessage\r\n$6\r\n+sdown\r\n$4\r\ngone\r\n');
    assert.match(await ask(socket!, 'CLIENT LIST TYPE pubsub', /\n\r\n/), /sub=1/);
    socket!.destroy();
    other!.destroy();
  });

  it('asks its own gates: one refuses, one deals with the command itself', async () => {
    const server = makeServer();
    const socket = connectInProcess((wire) => server.accept(wire, false));
    server.gates |= CLOSED;
    assert.equal(await ask(socket, 'PING'), '-CLOSED come back later\r\n');
    assert.equal(await ask(socket, 'masters'), '+HELD\r\n');
    assert.equal(server.heldCount, 1);
    assert.match(await ask(socket, 'INFO commandstats', /\n\r\n$/), /cmdstat_ping:.*rejected_calls=1/);
    server.gates &= ~CLOSED;
    assert.equal(await ask(socket, 'PING'), '+PONG\r\n');
    socket.destroy();
  });

  it('forgets a client that has gone, and closes one that is idle', async () => {
    const server = makeServer();
    const socket = connectInProcess((wire) => server.accept(wire, false));
    assert.equal(await ask(socket, 'SUBSCRIBE a', /:1\r\n/), '*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n');
    const closed = once(socket, 'close');
    socket.destroy();
    await closed;
    assert.equal(server.clients.size, 0);
    assert.equal(server.pubsub.publish(new Uint8Array([97]), new Uint8Array(1)), 0);
    const idle = connectInProcess((wire) => server.accept(wire, false));
    assert.equal(await ask(idle, 'CONFIG SET timeout 1'), '+OK\r\n');
    for (const client of server.clients.values()) client.lastInteractionMs -= 5000;
    const gone = once(idle, 'close');
    server.tick();
    await gone;
    assert.equal(server.clients.size, 0);
  });
});
