// sentinel-liar: sentinels that watch a good deployment and, under another name, a host that says whatever comes to its mind: silence,
// garbage, replies that are torn, huge, nested or unasked, INFO that invents servers, and floods of hello messages.
//
// Nothing of that may disturb the watch over the good master, end in an exception, or fill more than its bound.

import type { Prng } from '../../base/prng.js';
import { ReplyReader } from '../../client/reply-reader.js';
import { isAggregate, replyText } from '../../client/reply.js';
import type { Wire, WireEvents } from '../../io/wire.js';
import { HELLO_CHANNEL } from '../../sentinel/requests.js';
import { PEERS_MAX, REPLICAS_MAX } from '../../sentinel/state.js';
import { Host } from '../host.js';
import type { World } from '../world.js';
import type { Scenario } from './scenario.js';
import { Deployment, ElectionRecord, MASTER_NAME } from './sentinel-deployment.js';

const LIAR = 'liar';
const LIAR_ADDRESS = '10.0.9.1';
const LIES_MS = 90_000;
const CALM_MS_MAX = 600_000;
/** Invented sentinels and replicas are not all new, or nothing would ever happen twice. */
const INVENTED = 60;

const lines = [
  `sentinel monitor ${LIAR} ${LIAR_ADDRESS} 6379 2`,
  `sentinel down-after-milliseconds ${LIAR} 1500`,
  `sentinel failover-timeout ${LIAR} 4000`,
  `sentinel stale-after ${LIAR} 20000`,
];

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;

function host(random: Prng): string {
  return random.pick([`10.0.9.${1 + random.below(INVENTED)}`, LIAR_ADDRESS, '10.0.0.1', '', '::1', 'x y', '300.1.1.1']);
}

function port(random: Prng): string {
  return random.pick(['6379', '6380', '26379', '0', '65536', '-1', '1e3', '']);
}

function epoch(random: Prng): string {
  return random.pick([String(random.below(1000)), '0', '9007199254740991', '9007199254740992', '-5', 'x']);
}

/** About its own name, and about the good master, of which it must not be believed a word. */
function hello(random: Prng): string {
  if (random.chance(5)) return 'h'.repeat(random.below(4000));
  const name = random.chance(30) ? MASTER_NAME : LIAR;
  const runId = random.chance(10) ? 'short' : String(random.below(INVENTED)).padStart(40, 'f');
  const words = [host(random), port(random), runId, epoch(random), name, host(random), port(random), epoch(random)];
  if (random.chance(5)) words.splice(random.below(8), 1);
  return words.join(',');
}

function info(random: Prng): string {
  const fields = [
    `run_id:${String(random.below(3)).padStart(40, 'a')}`,
    `role:${random.pick(['master', 'slave', 'sentinel', ''])}`,
    `master_host:${host(random)}`,
    `master_port:${port(random)}`,
    `slave_priority:${epoch(random)}`,
    `slave_repl_offset:${epoch(random)}`,
    `master_link_down_since_seconds:${epoch(random)}`,
    ...Array.from(
      { length: random.below(20) },
      (_, at) => `slave${at}:ip=${host(random)},port=${port(random)},state=online`,
    ),
  ];
  const text = fields.filter(() => random.chance(80)).join('\r\n');
  return random.chance(5) ? text + 'x'.repeat(300_000) : text;
}

type Manner = 'silent' | 'garbage' | 'huge' | 'nested' | 'unasked' | 'torn' | 'plausible';
const manners: readonly Manner[] = ['silent', 'garbage', 'huge', 'nested', 'unasked', 'torn', 'plausible', 'plausible'];

/** One connection that a sentinel has made to the liar. */
class LiarSession implements WireEvents {
  private readonly manner: Manner;
  private readonly reader = new ReplyReader();
  private isOver = false;

  constructor(
    private readonly world: World,
    private readonly owner: Host,
    private readonly wire: Wire,
  ) {
    this.manner = world.random.pick(manners);
    if (world.random.chance(10)) this.later(() => this.wire.destroy());
    if (this.manner === 'unasked') this.repeat('+OK\r\n'.repeat(20));
    else if (this.manner === 'huge') this.stream();
  }

  private later(run: () => void): void {
    this.owner.schedule(this.world.random.below(4000), () => {
      if (!this.isOver) run();
    });
  }

  private say(text: string): void {
    if (!this.isOver) this.wire.write(bytesOf(text));
  }

  private repeat(text: string): void {
    this.say(text);
    this.later(() => this.repeat(text));
  }

  private stream(): void {
    this.say(`$${this.world.random.pick(['99999999', '4294967295', '99999999999999999999'])}\r\n`);
    const more = (): void => {
      this.say('x'.repeat(100_000));
      this.later(more);
    };
    more();
  }

  onData(bytes: Uint8Array, count: number): void {
    const { random } = this.world;
    this.reader.feed(bytes.slice(0, count));
    for (let request = this.reader.next(); request !== undefined; request = this.reader.next()) {
      const words = isAggregate(request) ? request.elements.map(replyText) : [];
      if (this.manner === 'garbage')
        this.say(String.fromCharCode(...Array.from({ length: 30 }, () => random.below(256))));
      else if (this.manner === 'nested') this.say('*1\r\n'.repeat(1 + random.below(3000)));
      else if (this.manner === 'plausible') this.answer(words);
      else if (this.manner === 'torn') {
        const whole = bulk(info(random));
        this.say(whole.slice(0, random.below(whole.length)));
      }
    }
  }

  private answer([name = '', ...words]: string[]): void {
    const { random } = this.world;
    switch (name.toUpperCase()) {
      case 'PING':
        return this.say(
          random.pick(['+PONG\r\n', '+PONG\r\n', '-BUSY x\r\n', '-LOADING\r\n', ':1\r\n', '_\r\n', '$-1\r\n']),
        );
      case 'INFO':
        return this.say(random.chance(90) ? bulk(info(random)) : '*0\r\n');
      case 'SUBSCRIBE':
        this.say(`*3\r\n$9\r\nsubscribe\r\n${bulk(words[0] ?? '')}:1\r\n`);
        return this.flood();
      default:
        this.say(random.pick(['+OK\r\n', '-ERR no\r\n', ':0\r\n', '*-1\r\n']));
    }
  }

  private flood(): void {
    const { random } = this.world;
    let text = '';
    for (let count = random.below(60); count > 0; count--)
      text += `*3\r\n$7\r\nmessage\r\n${bulk(random.chance(95) ? HELLO_CHANNEL : 'other')}${bulk(hello(random))}`;
    this.say(text);
    this.later(() => this.flood());
  }

  onDrain(): void {}

  onEnd(): void {
    this.wire.destroy();
  }

  onClose(): void {
    this.isOver = true;
  }
}

function checkBounds(world: World, { sentinels }: Deployment): void {
  for (const { server, host: watcher } of sentinels) {
    const good = server?.state.master(MASTER_NAME);
    const liar = server?.state.master(LIAR);
    if (good === undefined || liar === undefined) continue;
    if (good.failsOver || good.isDown || good.configEpoch !== 0)
      world.fail(new Error(`${watcher.name} believes the liar of the good master`));
    if (good.peers.size > sentinels.length - 1) world.fail(new Error(`${watcher.name} knows invented sentinels`));
    if (liar.peers.size > PEERS_MAX || liar.replicas.size > REPLICAS_MAX)
      world.fail(new Error(`${watcher.name} keeps too much`));
  }
}

export async function runLiar(world: World): Promise<void> {
  const deployment = new Deployment(world, 3, new ElectionRecord(world, false), { after: lines });
  const owner = new Host(world, deployment.net, LIAR, LIAR_ADDRESS);
  owner.boot(() => {
    void owner.network.listen(
      { host: '0.0.0.0', port: 6379, backlog: 100, keepAliveSeconds: () => 0 },
      (wire) => new LiarSession(world, owner, wire),
    );
  });
  deployment.start();
  await world.runUntil('all agree', CALM_MS_MAX, () => deployment.isCalm);
  world.invariants.push(() => checkBounds(world, deployment));
  await world.run(LIES_MS);
  world.invariants.pop();
  const first = deployment.agreed!;
  first.host.kill();
  await world.runUntil('the good master is replaced all the same', 30_000, () => {
    const now = deployment.agreed;
    return now !== undefined && now !== first;
  });
  first.start();
  await world.runUntil('all agree again', CALM_MS_MAX, () => deployment.isCalm);
}

export const sentinelLiarScenario: Scenario = {
  name: 'sentinel-liar',
  description: 'three sentinels watch a good deployment, and a host that lies, floods and sends garbage',
  run: runLiar,
};
