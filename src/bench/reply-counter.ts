// reply-counter: counts the complete replies in a stream of RESP2 or RESP3 bytes, without making a value of any.
//
// A reply is a tree; to know where it ends, only the number of nodes still to come is needed. `remaining` holds it:
// an aggregate adds its children, each leaf takes one away, zero ends the reply. Bulk payloads are skipped by length.
// State is a handful of integers, so a chunk may end anywhere. Push messages are no replies and are not counted.
//
// Texts of protocol errors are hiredis's, because redis-benchmark prints those.

const cr = 13;
const lf = 10;
const minus = 45;
const typeSimple = 43;
const typeError = 45;
const typeInteger = 58;
const typeBulk = 36;
const typeArray = 42;
const typeNull = 95;
const typeBoolean = 35;
const typeDouble = 44;
const typeBigNumber = 40;
const typeBulkError = 33;
const typeVerbatim = 61;
const typeMap = 37;
const typeSet = 126;
const typePush = 62;
const typeAttribute = 124;

const aggregateCountMax = 2 ** 32 - 1;
const bulkBytesMax = 2 ** 40;
const errorTextBytesMax = 4096;

/** How a type's header line ends: in a text, in a number, in a bulk of that many bytes, in that many children. */
const formText = 1;
const formInteger = 2;
const formBulk = 3;
const formAggregate = 4;
const forms = new Uint8Array(256);
for (const type of [typeSimple, typeError, typeNull, typeBoolean, typeDouble, typeBigNumber]) forms[type] = formText;
forms[typeInteger] = formInteger;
for (const type of [typeBulk, typeBulkError, typeVerbatim]) forms[type] = formBulk;
for (const type of [typeArray, typeMap, typeSet, typePush, typeAttribute]) forms[type] = formAggregate;

/** The peer does not speak RESP. */
export class ProtocolError extends Error {}

export class ReplyCounter {
  /** Called with the text of an error reply at the top level, before it is counted. */
  onError: (text: string) => void;
  private remaining = 0;
  private skip = 0;
  /** Type byte of the header line under way, 0 between lines. */
  private type = 0;
  private form = 0;
  private number = 0;
  private digits = 0;
  private negative = false;
  private isPush = false;
  private isTopError = false;
  private errorText: number[] = [];

  constructor(onError: (text: string) => void) {
    this.onError = onError;
  }

  /** @hot Takes the first `end` bytes of the chunk; returns how many replies they completed. */
  feed(bytes: Uint8Array, end: number): number {
    let at = 0;
    let completed = 0;
    while (at < end) {
      if (this.skip > 0) {
        const take = this.skip < end - at ? this.skip : end - at;
        if (this.isTopError) this.keepErrorText(bytes, at, at + take);
        at += take;
        this.skip -= take;
        if (this.skip > 0) break;
        completed += this.endLeaf();
        continue;
      }
      if (this.type === 0) {
        const type = bytes[at++]!;
        const form = forms[type]!;
        if (form === 0) throw new ProtocolError(`Protocol error, got ${quoteByte(type)} as reply type byte`);
        this.type = type;
        this.form = form;
        this.number = 0;
        this.digits = 0;
        this.negative = false;
        if (this.remaining === 0) {
          this.remaining = 1;
          this.isPush = type === typePush;
          this.isTopError = type === typeError || type === typeBulkError;
        }
      }
      if (this.form === formText) {
        const lineStart = at;
        while (at < end && bytes[at] !== lf) at++;
        if (this.isTopError) this.keepErrorText(bytes, lineStart, at);
        if (at === end) break;
        at++;
        this.type = 0;
        completed += this.endLeaf();
        continue;
      }
      let number = this.number;
      let digits = this.digits;
      let byte = 0;
      while (at < end) {
        byte = bytes[at++]!;
        if (byte === lf) break;
        if (byte >= 48 && byte <= 57) {
          number = number * 10 + byte - 48;
          digits++;
        } else if (byte === minus && digits === 0 && !this.negative) this.negative = true;
        else if (byte !== cr) this.failNumber();
      }
      this.number = number;
      this.digits = digits;
      if (byte !== lf) break;
      completed += this.endNumberLine();
    }
    return completed;
  }

  /** A header line with a number is complete: returns 1 if it ended a reply. */
  private endNumberLine(): number {
    const { type, form, number } = this;
    if (this.digits === 0) this.failNumber();
    this.type = 0;
    if (form === formInteger) return this.endLeaf();
    if (form === formBulk) {
      if (this.negative) {
        if (number > 1) throw new ProtocolError('Bulk string length out of range');
        return this.endLeaf();
      }
      if (number > bulkBytesMax) throw new ProtocolError('Bulk string length out of range');
      this.skip = number + 2;
      return 0;
    }
    if (number > aggregateCountMax || (this.negative && number > 1)) {
      throw new ProtocolError('Multi-bulk length out of range');
    }
    const children = this.negative ? 0 : type === typeMap || type === typeAttribute ? number * 2 : number;
    this.remaining += children;
    // An attribute stands before the value it belongs to and takes no place of its own.
    return type === typeAttribute ? 0 : this.endLeaf();
  }

  private endLeaf(): number {
    if (--this.remaining > 0) return 0;
    if (this.isPush) {
      this.isPush = false;
      return 0;
    }
    if (this.isTopError) this.reportError();
    return 1;
  }

  private keepErrorText(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end && this.errorText.length < errorTextBytesMax; at++) this.errorText.push(bytes[at]!);
  }

  private reportError(): void {
    const text = Buffer.from(this.errorText)
      .toString('utf8')
      .replace(/\r\n?$/, '');
    this.errorText = [];
    this.isTopError = false;
    this.onError(text);
  }

  private failNumber(): never {
    if (this.form === formBulk) throw new ProtocolError('Bad bulk string length');
    if (this.form === formAggregate) throw new ProtocolError('Bad multi-bulk length');
    throw new ProtocolError('Bad integer value');
  }
}

function quoteByte(byte: number): string {
  const named: Record<number, string> = { 7: '\\a', 8: '\\b', 9: '\\t', 10: '\\n', 13: '\\r', 34: '\\"', 92: '\\\\' };
  const text =
    named[byte] ?? (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`);
  return `"${text}"`;
}
