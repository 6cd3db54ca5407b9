import assert from 'node:assert/strict';
import { it } from 'node:test';
import { explainText } from './explain-config.js';

const old = `daemonize yes
vm-enabled no
glueoutputbuf yes
hash-max-zipmap-entries 64
slave-read-only yes
logfile stdout
auto-aof-rewrite-percentage 80-100
maxmemroy 1gb
appendonly maybe
timeout 7  tcp-keepalive 9
save 900 1
`;

it('says of each line what it does today, and how a current file has it', () => {
  const lines = explainText('redis.conf', old);
  const of = (line: number): (typeof lines)[number][] => lines.filter((one) => one.line === line);
  assert.deepEqual(
    lines.map(({ line, verdict }) => `${line} ${verdict}`),
    [
      '1 ok',
      '2 warning',
      '3 warning',
      '4 warning',
      '5 ok',
      '6 warning',
      '7 warning',
      '8 error',
      '9 error',
      '10 warning',
      '10 warning',
      '11 ok',
    ],
  );
  assert.match(of(2)[0]!.meaning, /virtual memory is gone since Redis 2\.6/);
  assert.equal(of(2)[0]!.now, undefined);
  assert.match(of(4)[0]!.now!, /^hash-max-listpack-entries 64$/);
  assert.equal(of(5)[0]!.now, 'replica-read-only yes');
  assert.equal(of(6)[0]!.now, 'logfile ""');
  assert.equal(of(7)[0]!.now, 'auto-aof-rewrite-percentage 80');
  assert.match(of(8)[0]!.meaning, /the nearest is 'maxmemory'/);
  assert.deepEqual(
    of(10).map(({ now }) => now),
    ['timeout 7', 'tcp-keepalive 9'],
  );
  assert.equal(of(11)[0]!.now, 'save 900 1');
});

it('gives a converted file that explains itself without a warning', () => {
  const converted = explainText('redis.conf', old).flatMap(({ now }) => now ?? []);
  for (const one of explainText('new.conf', converted.join('\n'))) assert.equal(one.verdict, 'ok', one.text);
});
