// Masking: what the audit log and replies hold of commands with secrets, and what they leave out.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detailOf, resultWithoutValues, withoutSecrets } from './masking.js';

const bytes = (words: string): Buffer[] => words.split(' ').map((word) => Buffer.from(word));

test('the detail of a command names what it changes, and no password', () => {
  for (const [name, words, detail] of [
    ['config|set', 'CONFIG SET maxmemory 1gb requirepass s3cret', 'maxmemory=1gb requirepass=(secret)'],
    ['config|set', 'CONFIG SET PrimaryAuth s3cret primaryuser repl', 'PrimaryAuth=(secret) primaryuser=repl'],
    ['config|set', 'CONFIG SET tls-client-key-file-pass s3cret', 'tls-client-key-file-pass=(secret)'],
    ['config|set', 'CONFIG SET masterauth', 'masterauth=(secret)'],
    ['sentinel|set', 'SENTINEL SET mymaster auth-pass s3cret', 'mymaster auth-pass (secret)'],
    ['sentinel|set', 'SENTINEL SET mymaster quorum 2', 'mymaster quorum 2'],
    ['sentinel|config', 'SENTINEL CONFIG SET sentinel-pass s3cret', 'SET sentinel-pass (secret)'],
    ['acl|setuser', 'ACL SETUSER ann on >s3cret ~*', 'ann'],
    ['set', 'SET key s3cret', undefined],
    ['migrate', 'MIGRATE host 6379 key 0 100 AUTH s3cret', undefined],
  ] as const)
    assert.equal(detailOf(name, bytes(words)), detail, words);
});

test('the result of a command repeats no argument but keys and what the detail has', () => {
  for (const [result, words, keyCount, detail, kept] of [
    [
      "ERR Error in ACL SETUSER modifier '>s3cret': no",
      'ACL SETUSER ann >s3cret',
      0,
      'ann',
      "ERR Error in ACL SETUSER modifier '…': no",
    ],
    [
      "ERR unknown command 'OOPS', with args beginning with: 's3c' ",
      'OOPS s3cret',
      0,
      '',
      "ERR unknown command 'OOPS'",
    ],
    ['ERR the key app:one has s3cret', 'SET app:one s3cret', 1, '', 'ERR the key app:one has …'],
    ['ok', 'SET app:one ok', 1, '', 'ok'],
  ] as const) {
    const args = bytes(words);
    const name = words.startsWith('ACL') ? 'acl|setuser' : words.split(' ')[0]!.toLowerCase();
    assert.equal(resultWithoutValues(result, { name, keys: args.slice(1, 1 + keyCount) }, args, detail), kept);
  }
});

test('the reply of CONFIG GET has no passwords, as a list, a map, or cut short', () => {
  const list = ['requirepass', 's3cret', 'maxmemory', '0', 'primaryauth', 's3cret', 'masterauth', ''];
  const kept = ['requirepass', '(secret)', 'maxmemory', '0', 'primaryauth', '(secret)', 'masterauth', ''];
  assert.deepEqual(withoutSecrets([...list]), kept);
  assert.deepEqual(withoutSecrets({ map: [...list] }), { map: kept });
  assert.deepEqual(withoutSecrets({ list: [...list], count: 500 }), { list: kept, count: 500 });
  assert.equal(withoutSecrets('QUEUED'), 'QUEUED');
  assert.equal(withoutSecrets(null), null);
});
