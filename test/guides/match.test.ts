import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cleanLines, matchInAnyOrder, matchInOrder, type Bindings } from './match.js';

const none: Bindings = new Map();
const [a, b, x, y] = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(40)) as [string, string, string, string];

describe('output and page', () => {
  it('are alike when only blanks and colours differ', () => {
    assert.deepEqual(cleanLines('a   b \r\n\u001b[32mgreen\u001b[0m\n\n'), ['a b', 'green']);
    assert.ok(matchInOrder(['a (b)', 'c'], ['a (b)', 'c'], none));
    assert.equal(matchInOrder(['a'], ['b'], none), undefined);
    assert.equal(matchInOrder(['a'], ['a', 'b'], none), undefined);
    assert.equal(matchInOrder(['a', 'b'], ['a'], none), undefined);
  });

  it('may differ where the page has three dots', () => {
    assert.ok(matchInOrder(['a', '...', 'c'], ['a', 'c'], none));
    assert.ok(matchInOrder(['...', 'c'], ['a', 'b', 'c'], none));
    assert.ok(matchInOrder(['replies: ...'], ['replies: 12'], none));
    assert.equal(matchInOrder(['...', 'c'], ['a', 'c', 'd'], none), undefined);
  });

  it('may differ in times and process ids, and in nothing else', () => {
    const page = [
      '12:M 01 Jan 2026 10:00:00.123 * Ready',
      'at 2026-01-01T10:00:00.000Z in 12 ms',
      'x-20260101T100000Z.rdb',
    ];
    const real = [
      '99999:M 29 Nov 2026 00:57:01.001 * Ready',
      'at 2026-11-29T01:00:00Z in 7.5 ms',
      'x-20261129T010000Z.rdb',
    ];
    assert.ok(matchInOrder(page, real, none));
    assert.equal(matchInOrder(['12 keys'], ['13 keys'], none), undefined);
    assert.ok(matchInOrder(['0 1651158299456 7'], ['0 1764378000000 7'], none));
  });

  it('name the same nodes', () => {
    const bindings = matchInOrder(
      [`M: ${a} 1`, `S: ${b} replicates ${a}`],
      [`M: ${x} 1`, `S: ${y} replicates ${x}`],
      none,
    )!;
    assert.deepEqual(
      [...bindings],
      [
        [a, x],
        [b, y],
      ],
    );
    assert.ok(matchInOrder([a], [x], bindings));
    assert.equal(matchInOrder([a], [y], bindings), undefined);
    assert.equal(matchInOrder([a, b], [x, x], none), undefined);
    assert.ok(matchInOrder([`(${a.slice(0, 8)}...) -> 1`], [`(${x.slice(0, 8)}...) -> 1`], none));
  });

  it('have the same lines in any order', () => {
    const page = [`M: ${a} 6381`, 'same', `replicates ${a}`, 'same'];
    assert.ok(matchInAnyOrder(page, ['same', `replicates ${x}`, 'same', `M: ${x} 6381`], none));
    assert.equal(matchInAnyOrder(page, ['same', `replicates ${y}`, 'same', `M: ${x} 6381`], none), undefined);
    assert.equal(matchInAnyOrder(['a'], ['a', 'b'], none), undefined);
    assert.ok(matchInAnyOrder(['b', '...', 'a'], ['a', 'b', 'c'], none));
  });
});
