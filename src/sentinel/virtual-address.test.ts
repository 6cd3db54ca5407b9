// The virtual address: added where the master is, taken away elsewhere, tried again when a program fails.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stage } from '../../test/sentinel/stage.js';
import { type AddressHost, parseVirtualAddress, VirtualAddresses } from './virtual-address.js';

/** One host, with the programs that it has run. */
function hostAt(own: string) {
  const stage = new Stage();
  stage.master.virtualAddress = { address: '10.0.0.100', maskBits: 24, networkInterface: 'eth0' };
  const addresses = new Set([own]);
  const ran: string[] = [];
  const logged: string[] = [];
  let failure: string | undefined;
  const host: AddressHost = {
    addresses: () => [...addresses],
    run: (program, args) => {
      ran.push(`${program} ${args.join(' ')}`);
      if (failure === undefined && args[1] === 'add') addresses.add('10.0.0.100');
      if (failure === undefined && args[1] === 'del') addresses.delete('10.0.0.100');
      return Promise.resolve(failure);
    },
  };
  const virtual = new VirtualAddresses(stage.state, host, (_level, text) => logged.push(text));
  const pass = async (ms: number): Promise<void> => {
    for (const endMs = stage.nowMs + ms; stage.nowMs < endMs;) {
      stage.state.nowMs = stage.nowMs += 1000;
      virtual.tick();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const fail = (text: string | undefined): void => void (failure = text);
  return { stage, virtual, addresses, ran, logged, pass, fail };
}

const add = 'ip addr add 10.0.0.100/24 dev eth0';
const del = 'ip addr del 10.0.0.100/24 dev eth0';
const announce = 'arping -U -c 3 -I eth0 10.0.0.100';

test('the address is added when the master comes here, with word to the neighbours, and given up when it goes', async () => {
  const { stage, virtual, ran, pass } = hostAt('10.0.0.2');
  await pass(10_000);
  assert.deepEqual(ran, []);
  stage.master.address = { host: '10.0.0.2', ip: '10.0.0.2', port: 6379 };
  virtual.masterMoved(stage.master);
  await pass(2000);
  assert.deepEqual(ran, [add, announce]);
  await pass(20_000);
  assert.deepEqual(ran, [add, announce], 'nothing is repeated');
  stage.master.address = { host: '10.0.0.1', ip: '10.0.0.1', port: 6379 };
  virtual.masterMoved(stage.master);
  await pass(2000);
  assert.deepEqual(ran, [add, announce, del]);
});

test('a sentinel that begins gives a wrong address up at once, and takes one only when the master is seen well for a while', async () => {
  const wrong = hostAt('10.0.0.2');
  wrong.addresses.add('10.0.0.100');
  await wrong.pass(1000);
  assert.deepEqual(wrong.ran, [del]);

  const { stage, ran, pass } = hostAt('10.0.0.1');
  await pass(20_000);
  assert.deepEqual(ran, [], 'its file may be old');
  stage.master.infoRefreshMs = stage.master.link.commandsSinceMs = stage.master.roleReportedSinceMs = stage.nowMs;
  await pass(5000);
  assert.deepEqual(ran, []);
  await pass(4000);
  assert.deepEqual(ran, [add, announce]);
});

test('a program that fails is told and tried again', async () => {
  const { stage, virtual, ran, logged, pass, fail } = hostAt('10.0.0.1');
  fail('RTNETLINK answers: Operation not permitted');
  virtual.masterMoved(stage.master);
  await pass(4000);
  assert.deepEqual(ran, [add]);
  assert.match(
    logged[0]!,
    /'ip addr add' failed: RTNETLINK answers: Operation not permitted\. It is tried again in 5 s/,
  );
  fail(undefined);
  await pass(4000);
  assert.deepEqual(ran, [add, add, announce]);
});

test('words that are no address, mask or interface are refused', () => {
  assert.deepEqual(parseVirtualAddress('10.0.0.9', 'eth0'), {
    address: '10.0.0.9',
    maskBits: 32,
    networkInterface: 'eth0',
  });
  assert.deepEqual(parseVirtualAddress('fd00::9/64', 'br-lan.5'), {
    address: 'fd00::9',
    maskBits: 64,
    networkInterface: 'br-lan.5',
  });
  for (const [word, name] of [
    ['10.0.0.9/24/1', 'eth0'],
    ['x/24', 'eth0'],
    ['10.0.0.9/-1', 'eth0'],
    ['10.0.0.9/33', 'eth0'],
    ['10.0.0.9/24', '-eth0'],
    ['10.0.0.9/24', 'an interface'],
    ['10.0.0.9/24', 'a'.repeat(16)],
  ] as const)
    assert.equal(typeof parseVirtualAddress(word, name), 'string', `${word} ${name}`);
});
