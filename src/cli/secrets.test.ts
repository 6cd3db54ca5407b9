// secrets tests: which lines are kept out of the history file.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdsSecret } from './secrets.js';

test('commands with passwords are secret, others are not', () => {
  const secret = [
    'auth x',
    'AUTH u x',
    'acl setuser a >p',
    'ACL DELUSER a',
    'acl getuser a',
    'config set requirepass x',
    'CONFIG SET maxmemory 1 MASTERAUTH x',
    'config set tls-key-file-pass x',
    'hello 3 auth u p',
    'HELLO 3 SETNAME n AUTH u p',
    'migrate h 1 k 0 10 auth p',
    'migrate h 1 "" 0 10 copy AUTH2 u p keys a',
    'sentinel set m auth-pass p',
    'sentinel config set sentinel-pass p',
  ];
  const harmless = [
    'get auth',
    'set requirepass x',
    'config get requirepass',
    'config set maxmemory 1',
    'hello 3',
    'acl whoami',
    'acl list',
    'migrate h 1 k 0 10',
    'sentinel masters',
    'sentinel set m quorum 2',
  ];
  for (const line of secret) assert.equal(holdsSecret(line.split(' ')), true, line);
  for (const line of harmless) assert.equal(holdsSecret(line.split(' ')), false, line);
});
