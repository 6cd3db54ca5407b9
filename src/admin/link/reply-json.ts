// reply-json: replies of servers as JSON for the page, with bounds, so that a console that reads a huge value stays usable.
//
//   string (status and bulk)  text in the form of text-bytes, or {"cut": text, "bytes": n} where it is longer than the bound
//   integer                   number, or {"big": "digits"}
//   nil null · error {"error": text} · double {"double": text} · boolean true/false
//   array, set, push          list; {"list": [...], "count": n} where it has more elements than the bound
//   map                       {"map": [key, value, ...]}
import { isAggregate, type Reply } from '../../client/reply.js';
import { textOfBytes } from '../text-bytes.js';

export interface ReplyBounds {
  readonly bytes: number;
  readonly elements: number;
}

export const pageBounds: ReplyBounds = { bytes: 16 << 20, elements: 100_000 };
export const consoleBounds: ReplyBounds = { bytes: 64 << 10, elements: 2000 };

export function replyJson(reply: Reply, bounds: ReplyBounds = pageBounds): unknown {
  switch (reply.kind) {
    case 'nil':
      return null;
    case 'integer':
      return typeof reply.value === 'number' ? reply.value : { big: String(reply.value) };
    case 'boolean':
      return reply.value;
    case 'double':
    case 'bignumber':
      return { double: reply.text };
    case 'error':
      return { error: textOfBytes(reply.bytes) };
    case 'status':
    case 'bulk':
    case 'verbatim':
      return reply.bytes.length <= bounds.bytes
        ? textOfBytes(reply.bytes)
        : { cut: textOfBytes(reply.bytes.subarray(0, bounds.bytes)), bytes: reply.bytes.length };
    default: {
      if (!isAggregate(reply)) return null;
      const { elements } = reply;
      const shown = elements.slice(0, bounds.elements).map((element) => replyJson(element, bounds));
      if (reply.kind === 'map') return { map: shown };
      return elements.length <= bounds.elements ? shown : { list: shown, count: elements.length };
    }
  }
}
