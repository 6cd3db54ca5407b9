// csv: a reply as one line of comma-separated values; nesting is flattened.
import { quote } from '../../base/quoting.js';
import { replyText, type Reply } from '../../client/reply.js';
import type { ByteSink } from '../console.js';
import { writeQuoted } from './standard.js';

export function writeCsv(sink: ByteSink, reply: Reply): void {
  switch (reply.kind) {
    case 'error':
      sink.write(`ERROR,${quote(replyText(reply))}`);
      return;
    case 'status':
    case 'bulk':
    case 'verbatim':
      writeQuoted(sink, reply.bytes);
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
      sink.write('NULL');
      return;
    default:
      for (let index = 0; index < reply.elements.length; index++) {
        if (index > 0) sink.write(',');
        writeCsv(sink, reply.elements[index]!);
      }
  }
}
