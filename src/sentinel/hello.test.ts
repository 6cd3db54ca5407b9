// Hello messages and INFO replies of peers that lie, as a sentinel reads them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Prng } from '../base/prng.js';
import { parseHello } from './hello.js';
import { parseInfo } from './info-reply.js';

const runId = 'a'.repeat(40);
const good = `10.0.0.1,26379,${runId},3,mymaster,10.0.0.2,6379,2`;

test('a hello message is read', () => {
  assert.deepEqual(parseHello(good), {
    host: '10.0.0.1',
    port: 26379,
    runId,
    currentEpoch: 3,
    masterName: 'mymaster',
    masterHost: '10.0.0.2',
    masterPort: 6379,
    configEpoch: 2,
  });
});

test('a hello message that is not exactly of its form is left out', () => {
  const wrong = [
    '',
    ',,,,,,,',
    `${good},more`,
    good.replace(',2', ''),
    good.replace('26379', '0'),
    good.replace('26379', '65536'),
    good.replace('26379', '-1'),
    good.replace(runId, 'short'),
    good.replace(runId, `${'a'.repeat(39)}\n`),
    good.replace('10.0.0.1', '10.0.0.1\nsentinel monitor evil 1.2.3.4 1 1'),
    good.replace('10.0.0.2', '"quoted"'),
    good.replace('10.0.0.2', 'x'.repeat(300)),
    good.replace(',3,', ',99999999999999999999,'),
    good.replace(',3,', ',9999999999999999,'),
    good.replace(',3,', ',x,'),
    `${good}${' '.repeat(5000)}`,
  ];
  for (const text of wrong) assert.equal(parseHello(text), undefined, JSON.stringify(text.slice(0, 80)));
});

test('what INFO says of replicas is read in both forms, and nonsense is not', () => {
  const {
    replicas,
    role,
    runId: id,
  } = parseInfo(
    [
      `run_id:${runId}`,
      'role:master',
      'slave0:ip=10.0.0.2,port=6379,state=online,offset=1,lag=0',
      'slave1:10.0.0.3,6380,online',
      'slave2:ip=evil\u0001,port=1,state=online',
      'slave3:ip=10.0.0.4,port=70000,state=online',
      'slave4:ip=10.0.0.4,port=0,state=online',
      'slave5:ip=,port=1',
      'slave6',
      ':',
      '',
    ].join('\r\n'),
  );
  assert.equal(id, runId);
  assert.equal(role, 'master');
  assert.deepEqual(replicas, [
    { host: '10.0.0.2', port: 6379 },
    { host: '10.0.0.3', port: 6380 },
  ]);
});

test('any text can come as hello or INFO', () => {
  const seed = Number(process.env.SEED ?? 20261128);
  const random = new Prng(seed);
  const info = `run_id:${runId}\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\nslave0:ip=1.1.1.1,port=1\r\n`;
  for (let round = 0; round < 5000; round++) {
    for (const text of [good, info]) {
      const letters = text.split('');
      for (let change = random.below(6); change >= 0; change--)
        letters[random.below(letters.length)] = String.fromCharCode(random.below(256));
      const torn = letters.slice(0, random.below(letters.length + 1)).join('');
      const hello = parseHello(torn);
      const { replicas, masterHost } = parseInfo(torn);
      for (const host of [hello?.host, hello?.masterHost, masterHost, ...replicas.map((each) => each.host)])
        assert.ok(host === undefined || /^[^\s\0-\x1f,"']+$/.test(host), `seed ${seed}, round ${round}: ${host}`);
    }
  }
});
