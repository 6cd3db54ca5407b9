// The first words on a connection, and the address that a sentinel gives as its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alive, Stage } from '../../test/sentinel/stage.js';
import { HELLO_CHANNEL } from './requests.js';

/** What the stage sends in a while, with the kind of the instance that gets it. */
function said(stage: Stage, ms = 5000): { kind: string; words: string }[] {
  const found: { kind: string; words: string }[] = [];
  stage.pass(ms, (args, link) => {
    const instance = [...stage.master.instances()].find((each) => each.link === link);
    found.push({ kind: instance!.kind, words: args.join(' ') });
    return alive(args);
  });
  return found;
}

function withEverybody(): Stage {
  const stage = new Stage();
  stage.state.port = 26379;
  stage.state.addReplica(stage.master, { host: '10.0.0.2', ip: '10.0.0.2', port: 6379 });
  stage.hello('a');
  return stage;
}

function logins(stage: Stage): Set<string> {
  return new Set(
    said(stage)
      .filter(({ words }) => words.startsWith('AUTH'))
      .map(({ kind, words }) => `${kind}: ${words}`),
  );
}

test('without a password nobody is asked to take one', () => {
  const [first] = said(withEverybody());
  assert.deepEqual(first, { kind: 'master', words: `CLIENT SETNAME sentinel-${'f'.repeat(8)}-cmd` });
});

test('auth-pass and auth-user are for servers, sentinel-pass and sentinel-user for sentinels', () => {
  const stage = withEverybody();
  stage.master.authPass = 'word';
  stage.state.settings.sentinelPass = 'watch word';
  assert.deepEqual(logins(stage), new Set(['master: AUTH word', 'slave: AUTH word', 'sentinel: AUTH watch word']));
  const named = withEverybody();
  Object.assign(named.master, { authPass: 'word', authUser: 'one' });
  Object.assign(named.state.settings, { sentinelPass: 'watch', sentinelUser: 'two' });
  assert.deepEqual(
    logins(named),
    new Set(['master: AUTH one word', 'slave: AUTH one word', 'sentinel: AUTH two watch']),
  );
});

test('sentinels without sentinel-pass use the password that they want themselves', () => {
  const stage = withEverybody();
  stage.state.requirePass = 'own';
  assert.deepEqual(logins(stage), new Set(['sentinel: AUTH own']));
});

/** The hello messages that go out, by the kind of their receiver. */
function hellos(stage: Stage): Set<string> {
  const start = `PUBLISH ${HELLO_CHANNEL} `;
  return new Set(
    said(stage)
      .filter(({ words }) => words.startsWith(start))
      .map(({ words }) => words.slice(start.length)),
  );
}

test('hello messages have the address of the connection, or the announced one', () => {
  const own = withEverybody();
  assert.deepEqual(hellos(own), new Set([`10.0.0.9,26379,${'f'.repeat(40)},0,m,10.0.0.1,6379,0`]));
  const announced = withEverybody();
  Object.assign(announced.state.settings, { announceIp: '192.0.2.1', announcePort: 7000 });
  assert.deepEqual(hellos(announced), new Set([`192.0.2.1,7000,${'f'.repeat(40)},0,m,10.0.0.1,6379,0`]));
});

test('announce-hostnames gives the master by its name to others, and without it by its address', () => {
  for (const [announces, shown] of [
    [false, '10.0.0.1'],
    [true, 'master.example'],
  ] as const) {
    const stage = new Stage({ ip: (host) => (host === 'master.example' ? '10.0.0.1' : host) });
    stage.master.address = { host: 'master.example', ip: '10.0.0.1', port: 6379 };
    stage.state.port = 26379;
    Object.assign(stage.state.settings, { resolveHostnames: true, announceHostnames: announces });
    assert.deepEqual(hellos(stage), new Set([`10.0.0.9,26379,${'f'.repeat(40)},0,m,${shown},6379,0`]));
    stage.master.downAfterMs = 1000;
    stage.pass(3000);
    assert.ok(stage.events.includes(`+sdown master m ${shown} 6379`), stage.events.join('\n'));
  }
});
