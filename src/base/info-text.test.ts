import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { infoNumber, infoPairs, parseInfoText } from './info-text.js';
import { Prng } from './prng.js';

const seed = Number(process.env.KVASIR_SEED ?? Math.floor(Math.random() * 2 ** 31));

describe('the text of INFO', () => {
  test('is read by sections and by fields', () => {
    const info = parseInfoText(
      '# Server\r\nredis_version:7.0.15\r\nos:Linux: x\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0\r\n',
    );
    assert.equal(info.fields.get('os'), 'Linux: x');
    assert.deepEqual([...info.sections.keys()], ['server', 'keyspace']);
    assert.deepEqual(
      [...infoPairs(info.sections.get('keyspace')!.get('db0')!)],
      [
        ['keys', '1'],
        ['expires', '0'],
      ],
    );
  });

  test('counts a name once, and leaves out what is no line of INFO', () => {
    const info = parseInfoText(`a:1\na:2\n:3\nno line\n${'x'.repeat(9000)}:4\nb:5`);
    assert.deepEqual(
      [...info.fields],
      [
        ['a', '1'],
        ['b', '5'],
      ],
    );
  });

  test('never throws, whatever the text is, and has a bound', () => {
    const random = new Prng(seed);
    for (let round = 0; round < 2000; round++) {
      const text = Array.from({ length: random.below(80) }, () => '# :=,\r\nab0\u0000\uffff'[random.below(12)]).join(
        '',
      );
      const info = parseInfoText(text);
      for (const value of info.fields.values()) infoPairs(value);
    }
    let many = '';
    for (let index = 0; index < 100_000; index++) many += `f${index}:1\n`;
    assert.ok(parseInfoText(many).fields.size <= 50_000);
  });

  test('has numbers only where a server writes some', () => {
    for (const [text, number] of [
      ['1', 1],
      ['-1', -1],
      ['0.25', 0.25],
      ['99.58%', 99.58],
      ['1.5e+03', 1500],
    ] as const)
      assert.equal(infoNumber(text), number);
    for (const text of ['', ' ', 'ok', '0x10', 'NaN', 'Infinity', '1e999', '1_0', '12K', '9'.repeat(30)])
      assert.equal(infoNumber(text), undefined, text);
    assert.equal(infoNumber(undefined), undefined);
  });
});
