// number-text: floating point numbers as MySQL prints them.
//
// DOUBLE: the shortest digits that read back as the same number; FLOAT: six significant digits. Plain notation while the point
// stands within 15 digits to either side, else d.ddde±x without a plus and without leading zeros.
//
// Source: my_gcvt in MySQL's and MariaDB's strings/dtoa.c, as their manuals describe the output.

const PLAIN_POINT_MAX = 15;

/** `digits` without trailing zeros; the value is 0.digits times ten to the power of `point`. */
function layOut(isNegative: boolean, digits: string, point: number): string {
  const sign = isNegative ? '-' : '';
  if (point < -PLAIN_POINT_MAX + 1 || point > PLAIN_POINT_MAX) {
    const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    return `${sign}${mantissa}e${point - 1}`;
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (digits.length <= point) return sign + digits + '0'.repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

function fromExponential(text: string): string {
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text)!;
  const digits = (match[2]! + (match[3] ?? '')).replace(/0+$/, '');
  return layOut(match[1] === '-', digits === '' ? '0' : digits, Number(match[4]) + 1);
}

/** A DOUBLE. */
export function doubleText(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  // Keys and counts, most of the time.
  if (Number.isInteger(value) && Math.abs(value) < 10 ** PLAIN_POINT_MAX) return String(value);
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : Number.isNaN(value) ? 'nan' : '-inf';
  return fromExponential(value.toExponential());
}

/** A FLOAT: of its 24 bits, six digits are shown. */
export function floatText(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return doubleText(value);
  return fromExponential(value.toExponential(5));
}
