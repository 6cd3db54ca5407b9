// standard: the readable form of replies: types in brackets, strings quoted, elements numbered and aligned.
//
//   1) "one"            2# "field" => (integer) 7          3~ (nil)
//
// A nested aggregate is indented by the width of its number; as the value of a map it starts on its own line when it
// takes more than one. Every function leaves out the last line end, so that a map can go on after a key.
import { escape } from '../../base/quoting.js';
import type { AggregateReply, Reply } from '../../client/reply.js';
import { replyText } from '../../client/reply.js';
import type { ByteSink } from '../console.js';

/** Bytes that are quoted at once, so that a huge value needs no huge string. */
const sliceBytes = 256 * 1024;

const emptyNames = { array: '(empty array)', map: '(empty hash)', set: '(empty set)', push: '(empty push)' };
const separators = { array: ')', map: '#', set: '~', push: ')' };

/** How the parts of a reply are set off at a terminal; the default marks nothing. */
export interface Palette {
  (part: 'error' | 'type' | 'index' | 'string' | 'number' | 'nil', text: string): string;
}

const plain: Palette = (_part, text) => text;

export function writeStandard(sink: ByteSink, reply: Reply, palette: Palette = plain): void {
  writeIndented(sink, reply, '', palette);
  sink.write('\n');
}

function writeIndented(sink: ByteSink, reply: Reply, indent: string, palette: Palette): void {
  switch (reply.kind) {
    case 'error':
      sink.write(palette('error', `(error) ${replyText(reply)}`));
      return;
    case 'status':
      sink.writeBytes(reply.bytes);
      return;
    case 'verbatim':
      sink.writeBytes(reply.bytes);
      return;
    case 'integer':
      sink.write(`${palette('type', '(integer)')} ${palette('number', String(reply.value))}`);
      return;
    case 'double':
      sink.write(`${palette('type', '(double)')} ${palette('number', reply.text)}`);
      return;
    case 'bignumber':
      sink.write(`${palette('type', '(big number)')} ${palette('number', reply.text)}`);
      return;
    case 'bulk':
      writeQuoted(sink, reply.bytes, palette);
      return;
    case 'nil':
      sink.write(palette('nil', '(nil)'));
      return;
    case 'boolean':
      sink.write(palette('type', reply.value ? '(true)' : '(false)'));
      return;
    default:
      writeAggregate(sink, reply, indent, palette);
  }
}

export function writeQuoted(sink: ByteSink, bytes: Uint8Array, palette: Palette = plain): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (buffer.length <= sliceBytes) {
    sink.write(palette('string', `"${escape(buffer.toString('latin1'))}"`));
    return;
  }
  sink.write('"');
  for (let start = 0; start < buffer.length; start += sliceBytes) {
    sink.write(escape(buffer.toString('latin1', start, Math.min(start + sliceBytes, buffer.length))));
  }
  sink.write('"');
}

function writeAggregate(sink: ByteSink, reply: AggregateReply, indent: string, palette: Palette): void {
  const { elements, kind } = reply;
  if (elements.length === 0) {
    sink.write(palette('nil', emptyNames[kind]));
    return;
  }
  const step = kind === 'map' ? 2 : 1;
  const width = String(elements.length / step).length;
  const inner = indent + ' '.repeat(width + 2);
  for (let index = 0; index < elements.length; index += step) {
    if (index > 0) sink.write(`\n${indent}`);
    sink.write(`${palette('index', `${String(index / step + 1).padStart(width)}${separators[kind]}`)} `);
    writeIndented(sink, elements[index]!, inner, palette);
    if (kind !== 'map') continue;
    const value = elements[index + 1]!;
    sink.write(' => ');
    if (takesSeveralLines(value)) sink.write(`\n${inner}`);
    writeIndented(sink, value, inner, palette);
  }
}

function takesSeveralLines(reply: Reply): boolean {
  let value: Reply | undefined = reply;
  for (;;) {
    if (value === undefined) return false;
    switch (value.kind) {
      case 'array':
      case 'set':
      case 'push':
        if (value.elements.length > 1) return true;
        value = value.elements[0];
        break;
      case 'map':
        if (value.elements.length > 2) return true;
        value = value.elements[1];
        break;
      default:
        return false;
    }
  }
}
