// reply-writer: prints a reply in the chosen format.
import { replyText, type Reply } from '../../client/reply.js';
import type { ByteSink } from '../console.js';
import type { CliOptions } from '../options.js';
import { writeCsv } from './csv.js';
import { writeJson } from './json.js';
import { writeRaw, type StatusHook } from './raw.js';
import { writeStandard, type Palette } from './standard.js';

export interface ReplyWriter {
  /** `asText`: the reply is a text for people (INFO, CLIENT LIST), printed as it is in every format. */
  write(sink: ByteSink, reply: Reply, asText?: boolean): void;
  /** A push message that nobody asked for. */
  writePush(sink: ByteSink, push: Reply): void;
}

export function makeReplyWriter(
  options: CliOptions,
  palette: Palette | undefined,
  statusHook: () => StatusHook,
): ReplyWriter {
  function write(sink: ByteSink, reply: Reply, asText = false): void {
    if (asText) {
      writeRaw(sink, reply, options.elementDelimiter, statusHook());
      return;
    }
    switch (options.output) {
      case 'standard':
        writeStandard(sink, reply, palette);
        return;
      case 'raw':
        writeRaw(sink, reply, options.elementDelimiter, statusHook());
        sink.write(Buffer.from(options.replyDelimiter).toString('latin1'));
        return;
      case 'csv':
        writeCsv(sink, reply);
        sink.write('\n');
        return;
      default:
        writeJson(sink, reply, options.output === 'json' ? 'unicode' : 'quoted');
        sink.write('\n');
    }
  }
  function writePush(sink: ByteSink, push: Reply): void {
    if (options.output === 'standard' && push.kind === 'push' && replyText(push.elements[0]).startsWith('invalidate')) {
      const keys = push.elements[1];
      if (push.elements.length === 2 && keys?.kind === 'array') {
        sink.write(`-> invalidate: ${keys.elements.map((key) => `'${replyText(key)}'`).join(', ')}\n`);
        return;
      }
    }
    write(sink, push);
  }
  return { write, writePush };
}
