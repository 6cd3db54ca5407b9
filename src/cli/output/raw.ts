// raw: replies as they are, for other programs: elements one after the other with a delimiter between them.
import type { Reply } from '../../client/reply.js';
import type { ByteSink } from '../console.js';

/** Formats a status line; the Lua debugger colours its own. Undefined prints it as it is. */
export type StatusHook = ((text: string) => string) | undefined;

export function writeRaw(sink: ByteSink, reply: Reply, delimiter: string, status?: StatusHook): void {
  switch (reply.kind) {
    case 'nil':
      return;
    case 'error':
      sink.writeBytes(reply.bytes);
      sink.write('\n');
      return;
    case 'status':
      if (status !== undefined) sink.write(status(Buffer.from(reply.bytes).toString('latin1')));
      else sink.writeBytes(reply.bytes);
      return;
    case 'bulk':
    case 'verbatim':
      sink.writeBytes(reply.bytes);
      return;
    case 'boolean':
      sink.write(reply.value ? '(true)' : '(false)');
      return;
    case 'integer':
      sink.write(String(reply.value));
      return;
    case 'double':
    case 'bignumber':
      sink.write(reply.text);
      return;
    default:
      for (let index = 0; index < reply.elements.length; index++) {
        if (index > 0) sink.write(reply.kind === 'map' && index % 2 === 1 ? ' ' : delimiter);
        writeRaw(sink, reply.elements[index]!, delimiter, status);
      }
  }
}
