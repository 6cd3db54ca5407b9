// line-buffer and text-width tests: editing keys, and where the cursor stands on the screen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineBuffer } from './line-buffer.js';
import { positionAfter, textWidth } from './text-width.js';

test('editing', () => {
  const buffer = new LineBuffer();
  buffer.insert('set key value');
  buffer.moveWord(-1);
  buffer.insert('my ');
  assert.equal(buffer.text, 'set key my value');
  assert.equal(buffer.beforeCursor, 'set key my ');
  buffer.killWord(-1);
  buffer.killToEnd();
  assert.equal(buffer.text, 'set key ');
  buffer.moveHome();
  buffer.yank();
  assert.equal(buffer.text, 'valueset key ');
  buffer.killToStart();
  buffer.moveWord(1);
  buffer.transpose();
  assert.equal(buffer.text, 'se tkey ');
  buffer.set('日本語');
  buffer.move(-1);
  buffer.eraseBefore();
  assert.equal(buffer.text, '日語');
  buffer.eraseAfter();
  buffer.eraseAfter();
  assert.equal(buffer.text, '日');
  buffer.replaceBefore(0, 'get');
  assert.equal(buffer.text, 'get');
  buffer.move(-10);
  buffer.eraseBefore();
  buffer.move(10);
  assert.equal(buffer.atEnd, true);
});

test('columns', () => {
  assert.equal(textWidth('abc日本e\u0301'), 8);
  assert.deepEqual(positionAfter('abc', 10), { row: 0, column: 3 });
  assert.deepEqual(positionAfter('a'.repeat(10), 10), { row: 1, column: 0 });
  assert.deepEqual(positionAfter('a'.repeat(25), 10), { row: 2, column: 5 });
  // A wide character that does not fit goes to the next row whole.
  assert.deepEqual(positionAfter(`${'a'.repeat(9)}日`, 10), { row: 1, column: 2 });
});
