// reply-json: replies of servers as JSON for the page, with bounds, so that a console that reads a huge value stays usable.
//
//   string (status and bulk)  text in the form of text-bytes, or {"cut": text, "bytes": n} where it is longer than the bounds allow
//   integer                   number, or {"big": "digits"}
//   nil null · error {"error": text} · double {"double": text} · boolean true/false
//   array, set, push          list; {"list": [...], "count": n} where it has more elements than the bound
//   map                       {"map": [key, value, ...]}
import { isAggregate, type Reply } from '../../client/reply.js';
import { textOfBytes } from '../text-bytes.js';

export interface ReplyBounds {
  /** Of one text. */
  readonly bytes: number;
  readonly elements: number;
  /** Of all texts of an answer; those after are cut to their beginnings. */
  readonly allBytes: number;
}

export const pageBounds: ReplyBounds = { bytes: 16 << 20, elements: 100_000, allBytes: 32 << 20 };
export const consoleBounds: ReplyBounds = { bytes: 64 << 10, elements: 2000, allBytes: 32 << 20 };

const beginningBytes = 1000;

/** Makes JSON of the replies that go into one answer. */
export class ReplyJson {
  private leftBytes: number;

  constructor(private readonly bounds: ReplyBounds) {
    this.leftBytes = bounds.allBytes;
  }

  of(reply: Reply): unknown {
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
        return this.ofText(reply.bytes);
      default: {
        if (!isAggregate(reply)) return null;
        const { elements } = reply;
        const { bounds } = this;
        const shown = elements.slice(0, bounds.elements).map((element) => this.of(element));
        if (reply.kind === 'map') return { map: shown };
        return elements.length <= bounds.elements ? shown : { list: shown, count: elements.length };
      }
    }
  }

  private ofText(bytes: Uint8Array): unknown {
    const bytesMax = Math.min(this.bounds.bytes, Math.max(this.leftBytes, beginningBytes));
    const shown = bytes.subarray(0, bytesMax);
    this.leftBytes -= shown.length;
    const text = textOfBytes(shown);
    return shown.length === bytes.length ? text : { cut: text, bytes: bytes.length };
  }
}
