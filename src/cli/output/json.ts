// json: a reply as one line of JSON. Strings are taken for UTF-8 and pass unchanged; the quoted form escapes every byte
// outside ASCII as \\xHH, so that it is safe everywhere and can be turned back into the bytes.
import { quote } from '../../base/quoting.js';
import { replyText, type Reply } from '../../client/reply.js';
import type { ByteSink } from '../console.js';

export type JsonStrings = 'unicode' | 'quoted';

const sliceBytes = 256 * 1024;
const escapes: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
};
const special = /["\\\x00-\x1f]/g;

function escapeCharacter(character: string): string {
  return escapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function writeString(sink: ByteSink, bytes: Uint8Array, strings: JsonStrings): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  sink.write('"');
  for (let start = 0; start < buffer.length; start += sliceBytes) {
    const text = buffer.toString('latin1', start, Math.min(start + sliceBytes, buffer.length));
    sink.write(
      strings === 'unicode'
        ? text.replace(special, escapeCharacter)
        : quote(text).slice(1, -1).replaceAll('\\', '\\\\'),
    );
  }
  sink.write('"');
}

export function writeJson(sink: ByteSink, reply: Reply, strings: JsonStrings): void {
  switch (reply.kind) {
    case 'error':
      sink.write('error:');
      writeString(sink, reply.bytes, strings);
      return;
    case 'status':
    case 'bulk':
    case 'verbatim':
      writeString(sink, reply.bytes, strings);
      return;
    case 'integer':
    case 'boolean':
      sink.write(String(reply.value));
      return;
    case 'double':
    case 'bignumber':
      sink.write(reply.text);
      return;
    case 'nil':
      sink.write('null');
      return;
    case 'map':
      sink.write('{');
      for (let index = 0; index < reply.elements.length; index += 2) {
        if (index > 0) sink.write(',');
        writeKey(sink, reply.elements[index]!, strings);
        sink.write(':');
        writeJson(sink, reply.elements[index + 1]!, strings);
      }
      sink.write('}');
      return;
    default:
      sink.write('[');
      for (let index = 0; index < reply.elements.length; index++) {
        if (index > 0) sink.write(',');
        writeJson(sink, reply.elements[index]!, strings);
      }
      sink.write(']');
  }
}

/** JSON wants strings as keys; others are put in quotes as they are. */
function writeKey(sink: ByteSink, key: Reply, strings: JsonStrings): void {
  if (key.kind === 'error' || key.kind === 'status' || key.kind === 'bulk' || key.kind === 'verbatim') {
    writeJson(sink, key, strings);
    return;
  }
  if (key.kind === 'nil' || replyText(key) !== '') {
    sink.write('"');
    writeJson(sink, key, strings);
    sink.write('"');
    return;
  }
  const parts: string[] = [];
  writeJson({ write: (text) => parts.push(text), writeBytes: () => undefined }, key, strings);
  sink.write(`"${parts.join('')}"`);
}
