// quoting tests: the grammar of a line of arguments, and that printing and reading are opposites.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quote, splitWords, unquote } from './quoting.js';

test('a line is split as redis-cli splits it', () => {
  const cases: [string, string[] | undefined][] = [
    ['', []],
    ['   \t ', []],
    ['set a b', ['set', 'a', 'b']],
    ['  set   a\tb \r\n', ['set', 'a', 'b']],
    ['""', ['']],
    ["''", ['']],
    ['"a b" c', ['a b', 'c']],
    ['"\\x41\\x0a\\n\\r\\t\\b\\a\\"\\\\\\q"', ['A\n\n\r\t\b\x07"\\q']],
    ['"\\xzz"', ['xzz']],
    ["'it\\'s \\n'", ["it's \\n"]],
    ['a"b c"', ['ab c']],
    ['key"" v', ['key', 'v']],
    ['"a"b', undefined],
    ["'a'b", undefined],
    ['"a', undefined],
    ["'a", undefined],
    ['"a\\', undefined],
    ['"a\\"', undefined],
    ['a\0b c', ['a']],
    ['\xff\xfe', ['\xff\xfe']],
  ];
  for (const [line, words] of cases) assert.deepEqual(splitWords(line), words, JSON.stringify(line));
});

test('what is quoted can be read back, for every byte', () => {
  let all = '';
  for (let byte = 0; byte < 256; byte++) all += String.fromCharCode(byte);
  assert.equal(unquote(quote(all)), all);
  assert.equal(quote('a"\\\n\r\t\b\x07\0\x7f\xff'), '"a\\"\\\\\\n\\r\\t\\b\\a\\x00\\x7f\\xff"');
  assert.equal(unquote('a b'), undefined);
  assert.equal(unquote(''), undefined);
});
