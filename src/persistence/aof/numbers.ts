// numbers: the lines of RESP that hold a number: digits, then \r\n.

export class AofNumbers {
  status: 'ok' | 'short' | 'wrong' = 'ok';
  value = 0;
  /** Where the next line begins. */
  next = 0;
}

const DIGITS_MAX = 12;

/** Reads the number at `from`; `short` when the line does not end before `end`. @hot */
export function parseCount(bytes: Uint8Array, from: number, end: number, into: AofNumbers): void {
  let at = from;
  let value = 0;
  while (at < end) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
    at++;
  }
  into.value = value;
  into.next = at + 2;
  if (
    at - from > DIGITS_MAX ||
    (at < end && (at === from || bytes[at] !== 13)) ||
    (at + 1 < end && bytes[at + 1] !== 10)
  )
    into.status = 'wrong';
  else into.status = at + 1 < end ? 'ok' : 'short';
}
