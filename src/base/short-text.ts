// short-text: bytes as a one-byte string where most are a few bytes long: keys, small values, status words.
//
// Node's own way costs about 50 ns whatever the length; up to twenty bytes, asking for the characters costs 12 to 32 ns.

type Latin1Slice = (this: Uint8Array, start: number, end: number) => string;
const { latin1Slice } = Buffer.prototype as unknown as { latin1Slice: Latin1Slice };
const make = String.fromCharCode;

/** @hot */
export function shortText(b: Uint8Array, at: number, length: number): string {
  switch (length) {
    case 0:
      return '';
    case 1:
      return make(b[at]!);
    case 2:
      return make(b[at]!, b[at + 1]!);
    case 3:
      return make(b[at]!, b[at + 1]!, b[at + 2]!);
    case 4:
      return make(b[at]!, b[at + 1]!, b[at + 2]!, b[at + 3]!);
    case 5:
      return make(b[at]!, b[at + 1]!, b[at + 2]!, b[at + 3]!, b[at + 4]!);
    case 6:
      return make(b[at]!, b[at + 1]!, b[at + 2]!, b[at + 3]!, b[at + 4]!, b[at + 5]!);
    case 7:
      return make(b[at]!, b[at + 1]!, b[at + 2]!, b[at + 3]!, b[at + 4]!, b[at + 5]!, b[at + 6]!);
    case 8:
      return make(b[at]!, b[at + 1]!, b[at + 2]!, b[at + 3]!, b[at + 4]!, b[at + 5]!, b[at + 6]!, b[at + 7]!);
    case 9:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
      );
    case 10:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
        b[at + 9]!,
      );
    case 11:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
        b[at + 9]!,
        b[at + 10]!,
      );
    case 12:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
        b[at + 9]!,
        b[at + 10]!,
        b[at + 11]!,
      );
    case 13:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
        b[at + 9]!,
        b[at + 10]!,
        b[at + 11]!,
        b[at + 12]!,
      );
    case 14:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
        b[at + 9]!,
        b[at + 10]!,
        b[at + 11]!,
        b[at + 12]!,
        b[at + 13]!,
      );
    case 15:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
        b[at + 9]!,
        b[at + 10]!,
        b[at + 11]!,
        b[at + 12]!,
        b[at + 13]!,
        b[at + 14]!,
      );
    case 16:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
        b[at + 9]!,
        b[at + 10]!,
        b[at + 11]!,
        b[at + 12]!,
        b[at + 13]!,
        b[at + 14]!,
        b[at + 15]!,
      );
    case 17:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
        b[at + 9]!,
        b[at + 10]!,
        b[at + 11]!,
        b[at + 12]!,
        b[at + 13]!,
        b[at + 14]!,
        b[at + 15]!,
        b[at + 16]!,
      );
    case 18:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
        b[at + 9]!,
        b[at + 10]!,
        b[at + 11]!,
        b[at + 12]!,
        b[at + 13]!,
        b[at + 14]!,
        b[at + 15]!,
        b[at + 16]!,
        b[at + 17]!,
      );
    case 19:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
        b[at + 9]!,
        b[at + 10]!,
        b[at + 11]!,
        b[at + 12]!,
        b[at + 13]!,
        b[at + 14]!,
        b[at + 15]!,
        b[at + 16]!,
        b[at + 17]!,
        b[at + 18]!,
      );
    case 20:
      return make(
        b[at]!,
        b[at + 1]!,
        b[at + 2]!,
        b[at + 3]!,
        b[at + 4]!,
        b[at + 5]!,
        b[at + 6]!,
        b[at + 7]!,
        b[at + 8]!,
        b[at + 9]!,
        b[at + 10]!,
        b[at + 11]!,
        b[at + 12]!,
        b[at + 13]!,
        b[at + 14]!,
        b[at + 15]!,
        b[at + 16]!,
        b[at + 17]!,
        b[at + 18]!,
        b[at + 19]!,
      );
    default:
      return latin1Slice.call(b, at, at + length);
  }
}
