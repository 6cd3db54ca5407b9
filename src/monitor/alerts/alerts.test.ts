import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedFiles } from '../../io/files-simulated.js';
import { VirtualClock } from '../../io/virtual-clock.js';
import type { EventKind, MonitorEvent } from '../events/event.js';
import { Alerts } from './alerts.js';
import { HIDDEN } from './channel.js';
import type { Notification } from './notification.js';
import { AlertError, defaultRules } from './rule.js';

const START_MS = Date.UTC(2026, 0, 1);
const SECOND_MS = 1000;
const webhook = { id: 'hook', type: 'webhook', url: 'http://127.0.0.1:1/x', headers: { 'x-token': 'geheim' } };

class Bench {
  readonly files: SimulatedFiles;
  readonly clock: VirtualClock;
  readonly sent: Notification[] = [];
  readonly told: string[] = [];
  readonly log: string[] = [];
  /** Attempts that fail from now on. */
  failures = 0;
  alerts: Alerts;

  constructor(
    rules: readonly object[],
    files = new SimulatedFiles(),
    clock = new VirtualClock({ now: START_MS, frozen: true }),
  ) {
    this.files = files;
    this.clock = clock;
    this.alerts = this.make();
    if (rules.length === 0) return;
    for (const { id } of [...this.alerts.rules]) this.alerts.removeRule(id);
    for (const rule of rules) this.alerts.setRule(rule);
    this.alerts.setChannel(webhook);
  }

  make(): Alerts {
    return new Alerts({
      environment: { clock: this.clock, files: this.files },
      path: '/alerts.json',
      log: (text) => this.log.push(text),
      outlets: {
        webhook: (_, notification) => {
          if (this.failures-- > 0) return Promise.reject(new Error('refused'));
          this.sent.push(notification);
          return Promise.resolve();
        },
      },
      nameOf: (target) => `name of ${target}`,
      told: (_, __, text) => this.told.push(text),
    });
  }

  /** Samples every two seconds for so long. */
  sample(values: Record<string, number>, seconds = 2, target = 'a'): void {
    for (let passed = 0; passed < seconds; passed += 2) {
      this.alerts.sampled(target, new Map(Object.entries({ up: 1, ...values })));
      this.clock.advance(2 * SECOND_MS);
      this.alerts.tick();
    }
  }

  happen(kind: EventKind, text: string): void {
    const event: MonitorEvent = { at: this.clock.wallMs(), target: 'a', kind, severity: 'info', text };
    this.alerts.happened(event);
  }

  /** The notifications sent: kind and text. */
  async lines(): Promise<string[]> {
    // Deliveries are promises.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    return this.sent.map(({ kind, text }) => `${kind}: ${text}`);
  }
}

const memory = {
  id: 'memory',
  severity: 'warning',
  condition: { kind: 'figure', figure: 'memory_percent', op: '>', value: 90, clear: 80 },
  forMs: 10_000,
  clearMs: 20_000,
};

describe('alerts', () => {
  test('fire once the condition has held for long enough, and end when it has been over for long enough', async () => {
    const bench = new Bench([memory]);
    bench.sample({ memory_percent: 95 }, 8);
    bench.sample({ memory_percent: 85 }, 2); // over before ten seconds
    bench.sample({ memory_percent: 95 }, 10);
    assert.deepEqual(await bench.lines(), []);
    bench.sample({ memory_percent: 95 }, 2);
    assert.deepEqual(await bench.lines(), ['fired: memory_percent is 95 (limit > 90)']);
    bench.sample({ memory_percent: 85 }, 600); // between the marks: neither
    bench.sample({ memory_percent: 75 }, 10);
    bench.sample({ memory_percent: 99 }, 2); // again before twenty seconds
    bench.sample({ memory_percent: 79 }, 20);
    assert.equal((await bench.lines()).length, 1);
    bench.sample({ memory_percent: 79 }, 2);
    assert.deepEqual((await bench.lines()).slice(1), ['resolved: memory_percent is 79 (limit > 90)']);
  });

  test('do not follow a figure that trembles around a mark', async () => {
    const bench = new Bench([{ ...memory, forMs: 0 }]);
    for (let round = 0; round < 100; round++) bench.sample({ memory_percent: round % 2 === 0 ? 91 : 89 });
    assert.equal((await bench.lines()).length, 1);
  });

  test('look from below too, and wait where a figure is missing', async () => {
    const condition = { kind: 'figure', figure: 'hit_rate', op: '<', value: 50, clear: 60 };
    const bench = new Bench([{ id: 'hits', condition, clearMs: 0 }]);
    bench.sample({ hit_rate: 49.123 });
    bench.sample({}, 600);
    bench.sample({ hit_rate: 55 });
    assert.deepEqual(await bench.lines(), ['fired: hit_rate is 49.12 (limit < 50)']);
    bench.sample({ hit_rate: 60 });
    assert.equal((await bench.lines()).length, 2);
  });

  test('tell that a server is down, and that it is back', async () => {
    const bench = new Bench([
      { id: 'down', severity: 'critical', condition: { kind: 'down' }, forMs: 10_000, clearMs: 0 },
    ]);
    bench.sample({ up: 0 }, 8);
    bench.sample({});
    bench.sample({ up: 0 }, 20);
    bench.sample({});
    assert.deepEqual(await bench.lines(), ['fired: does not answer', 'resolved: answers']);
    assert.equal(bench.told[0], '[ALERT] critical: name of a: down: does not answer');
  });

  test('tell of events at once, of many in a minute once, and end by themselves', async () => {
    const rule = { id: 'roles', condition: { kind: 'event', events: ['promoted', 'demoted'] }, clearMs: 300_000 };
    const bench = new Bench([rule]);
    bench.happen('promoted', 'is a master');
    bench.happen('saved', 'saved');
    bench.happen('demoted', 'is a replica');
    assert.deepEqual(await bench.lines(), ['fired: is a master']);
    bench.sample({}, 70);
    bench.happen('promoted', 'is a master again');
    assert.deepEqual((await bench.lines()).slice(1), ['fired: is a master again']);
    assert.equal(bench.alerts.current().length, 1);
    bench.sample({}, 310);
    assert.equal(bench.alerts.current().length, 0);
    assert.equal((await bench.lines()).length, 2);
  });

  test('are told again for as long as they last, if the rule says so', async () => {
    const bench = new Bench([{ ...memory, forMs: 0, repeatMs: 60_000 }]);
    bench.sample({ memory_percent: 95 }, 130);
    assert.deepEqual(
      (await bench.lines()).map((line) => line.split(':')[0]),
      ['fired', 'repeated', 'repeated'],
    );
  });

  test('tell nobody during a silence, and afterwards of what lasts', async () => {
    const bench = new Bench([{ ...memory, forMs: 0, clearMs: 0 }]);
    bench.alerts.silence({ target: 'a', forMs: 60_000, by: 'me', comment: 'maintenance' });
    bench.sample({ memory_percent: 95 }, 10);
    bench.sample({ memory_percent: 50 }, 10);
    bench.sample({ memory_percent: 96 }, 30);
    assert.equal(bench.alerts.current()[0]!.isSilenced, true);
    assert.deepEqual(await bench.lines(), []);
    bench.sample({ memory_percent: 97 }, 12);
    assert.deepEqual(await bench.lines(), ['fired: memory_percent is 97 (limit > 90)']);
    assert.deepEqual(bench.alerts.silences, []);
    bench.alerts.silence({ rule: 'other', forMs: 60_000 });
    bench.sample({ memory_percent: 50 }, 2);
    assert.equal((await bench.lines()).length, 2, 'the silence of another rule');
  });

  test('keep to the targets of their rule', async () => {
    const bench = new Bench([{ ...memory, forMs: 0, targets: ['b'] }]);
    bench.sample({ memory_percent: 95 }, 2, 'a');
    assert.deepEqual(await bench.lines(), []);
    bench.sample({ memory_percent: 95 }, 2, 'b');
    assert.equal((await bench.lines()).length, 1);
  });

  test('are not told again after a restart, and still end', async () => {
    const bench = new Bench([{ ...memory, forMs: 0, clearMs: 0 }]);
    bench.sample({ memory_percent: 95 });
    bench.alerts = bench.make(); // the one before was killed
    assert.equal(bench.alerts.current()[0]!.phase, 'firing');
    bench.sample({ memory_percent: 96 }, 10);
    bench.sample({ memory_percent: 10 });
    assert.deepEqual(
      (await bench.lines()).map((line) => line.split(':')[0]),
      ['fired', 'resolved'],
    );
  });

  test('are sent again when a channel fails, then given up', async () => {
    const bench = new Bench([{ ...memory, forMs: 0 }]);
    bench.failures = 2;
    bench.sample({ memory_percent: 95 });
    for (const seconds of [5, 30]) {
      await bench.lines();
      bench.clock.advance(seconds * SECOND_MS);
    }
    assert.equal((await bench.lines()).length, 1);
    assert.deepEqual(
      bench.alerts.deliveries.map(({ error }) => error),
      [''],
    );
    bench.failures = 100;
    bench.sample({ memory_percent: 10 }, 30);
    for (let round = 0; round < 5; round++) {
      await bench.lines();
      bench.clock.advance(120 * SECOND_MS);
    }
    await bench.lines();
    assert.deepEqual(
      bench.alerts.deliveries.map(({ error }) => error),
      ['', 'refused'],
    );
    assert.ok(bench.log.some((line) => line.includes('given up')));
  });

  test('are tested by a button, which tells what is wrong', async () => {
    const bench = new Bench([memory]);
    assert.deepEqual(await bench.alerts.test('hook'), { isDelivered: true, error: '' });
    assert.equal(bench.sent[0]!.kind, 'test');
    bench.failures = 1;
    assert.deepEqual(await bench.alerts.test('hook'), { isDelivered: false, error: 'refused' });
    bench.alerts.setChannel({ id: 'run', type: 'command', program: '/bin/true' });
    assert.match((await bench.alerts.test('run')).error, /no outlet for command/);
    assert.match((await bench.alerts.test('nobody')).error, /no channel/);
  });

  test('never show a secret of a channel, and keep it when it comes back hidden', () => {
    const bench = new Bench([memory]);
    const mail = {
      id: 'mail',
      type: 'mail',
      host: 'mail.example',
      from: 'a@b.c',
      to: ['d@e.f'],
      user: 'u',
      password: 'geheim',
    };
    bench.alerts.setChannel(mail);
    assert.ok(!JSON.stringify(bench.alerts.channels).includes('geheim'));
    bench.alerts.setChannel({ ...mail, password: HIDDEN, host: 'other.example' });
    bench.alerts.setChannel({ ...webhook, headers: { 'x-token': HIDDEN } });
    const stored = Buffer.from(bench.files.get('/alerts.json')).toString();
    assert.equal(stored.match(/geheim/g)?.length, 2);
    assert.match(stored, /other\.example/);
  });

  test('refuse rules, channels and silences that make no sense', () => {
    const { alerts } = new Bench([memory]);
    const figure = { kind: 'figure', figure: 'cpu', op: '>', value: 1 };
    for (const rule of [
      null,
      'x',
      [],
      {},
      { id: '' },
      { id: 'x' },
      { id: 'x', condition: {} },
      { id: 'x', condition: { ...figure, figure: 'nothing' } },
      { id: 'x', condition: { ...figure, op: '=' } },
      { id: 'x', condition: { ...figure, value: '1' } },
      { id: 'x', condition: { ...figure, clear: 2 } },
      { id: 'x', condition: { kind: 'event', events: ['party'] } },
      { id: 'x', condition: figure, forMs: -1 },
      { id: 'x', condition: figure, severity: 'huge' },
      { id: 'x', condition: figure, targets: 'a' },
    ])
      assert.throws(() => alerts.setRule(rule), AlertError, JSON.stringify(rule));
    const mail = { id: 'm', type: 'mail', host: 'h', from: 'a@b', to: ['c@d'] };
    for (const channel of [
      null,
      {},
      { id: 'c' },
      { ...webhook, url: 'file:///etc/passwd' },
      { ...webhook, url: 'x' },
      { ...webhook, headers: { 'a\r\nb': 'c' } },
      { ...webhook, headers: { a: 'b\r\nc: d' } },
      { ...mail, from: 'a@b>\r\nRCPT TO:<x@y' },
      { ...mail, to: [] },
      { ...mail, to: ['x'] },
      { ...mail, port: 0 },
      { ...mail, host: 'h\r\n' },
      { ...mail, security: 'maybe' },
      { id: 'c', type: 'command' },
      { id: 'c', type: 'command', program: 'p', args: [1] },
    ])
      assert.throws(() => alerts.setChannel(channel), AlertError, JSON.stringify(channel));
    assert.throws(() => alerts.silence({ forMs: NaN }), AlertError);
  });

  test('begin anew, and say so, when their file is no good; of one that is partly good they take that part', () => {
    for (const text of ['', '{', 'null', '[]', '{"rules": 5}', '\u0000\u0001']) {
      const files = new SimulatedFiles();
      files.put('/alerts.json', Buffer.from(text));
      const bench = new Bench([], files);
      assert.equal(bench.alerts.rules.length, defaultRules.length, text);
    }
    const files = new SimulatedFiles();
    files.put(
      '/alerts.json',
      Buffer.from(JSON.stringify({ rules: [memory, { id: 'bad' }], alerts: [{ rule: 'memory' }, 7] })),
    );
    const bench = new Bench([], files);
    assert.deepEqual(
      bench.alerts.rules.map(({ id }) => id),
      ['memory'],
    );
    assert.equal(bench.log.length, 1);
    assert.deepEqual(bench.alerts.current(), []);
  });

  test('begin with rules for each fault that people ask about, which fire on it, end after it, and on nothing else', async () => {
    /** What all is well looks like. */
    const fine: Record<string, number> = {
      memory_percent: 60,
      lag_seconds: 1,
      link_up: 1,
      hit_rate: 95,
      rejected: 0,
      evicted: 0,
      rdb_ok: 1,
      aof_ok: 1,
      cluster_ok: 1,
      backends_ejected: 0,
      certificate_days: 90,
    };
    const faults: readonly (readonly [string, Record<string, number>])[] = [
      ['down', { up: 0 }],
      ['memory', { memory_percent: 91 }],
      ['lag', { lag_seconds: 31 }],
      ['link', { link_up: 0 }],
      ['hit-rate', { hit_rate: 49 }],
      ['rejected', { rejected: 0.5 }],
      ['evicted', { evicted: 3 }],
      ['save', { rdb_ok: 0 }],
      ['aof', { aof_ok: 0 }],
      ['cluster', { cluster_ok: 0 }],
      ['ejected', { backends_ejected: 1 }],
      ['certificate', { certificate_days: 13.9 }],
    ];
    const events: readonly (readonly [string, readonly EventKind[]])[] = [
      ['roles', ['promoted', 'demoted', 'new-master', 'failover']],
      ['restart', ['restart']],
      ['slots', ['slots-gained', 'slots-lost']],
    ];
    assert.deepEqual(
      [...faults, ...events].map(([id]) => id).sort(),
      defaultRules.map(({ id }) => id).sort(),
      'each rule is tried',
    );
    const firing = ({ alerts }: Bench): string[] =>
      alerts
        .current()
        .filter(({ phase }) => phase === 'firing')
        .map(({ rule }) => rule);
    for (const [id, fault] of faults) {
      const bench = new Bench([]);
      bench.alerts.setRule({ ...bench.alerts.rules.find((rule) => rule.id === id)!, isEnabled: true });
      bench.sample(fine, 3600);
      assert.deepEqual(firing(bench), [], 'all is well');
      bench.sample({ ...fine, ...fault }, 3600);
      assert.deepEqual(firing(bench), [id]);
      bench.sample(fine, 3600);
      assert.deepEqual(firing(bench), [], `${id} is over`);
    }
    for (const [id, kinds] of events)
      for (const kind of kinds) {
        const bench = new Bench([]);
        bench.alerts.setRule({ ...bench.alerts.rules.find((rule) => rule.id === id)!, isEnabled: true });
        bench.sample(fine);
        bench.happen(kind, 'it happened');
        assert.deepEqual(firing(bench), [id], kind);
        bench.sample(fine, 3600);
        assert.deepEqual(firing(bench), [], `${kind} is over`);
      }
  });

  test('know the figures and events of all rules that they begin with', () => {
    const bench = new Bench([]);
    for (const rule of defaultRules) assert.deepEqual(bench.alerts.setRule(JSON.parse(JSON.stringify(rule))), rule);
  });
});
