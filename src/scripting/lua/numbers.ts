// numbers: numbers as text, both ways, as C's strtod and printf("%.14g") have them.

/** Text of a NaN: what x86 makes of 0/0. JavaScript hides the sign, so every NaN reads like this one. */
const nanText = '-nan';

/**
 * `toExponential`, but a value exactly between two results goes to the even one, as C rounds; JavaScript takes the larger.
 * Only for sizes, not for negative values.
 */
export function toExponential(size: number, digits: number): string {
  const rounded = size.toExponential(digits);
  if (digits >= 60 || !size.toExponential(digits + 1).includes('5e')) return rounded;
  const exact = size.toExponential(100);
  const cut = digits === 0 ? 1 : digits + 2;
  if (!/^\.?50*e/.test(exact.slice(cut))) return rounded;
  const isEven = /[02468]/.test(exact[cut - 1]!);
  return isEven ? exact.slice(0, cut) + exact.slice(exact.indexOf('e')) : rounded;
}

/** `toFixed` with C's rounding, for sizes below 1e21. */
export function toFixed(size: number, digits: number): string {
  const rounded = size.toFixed(digits);
  if (digits >= 60) return rounded;
  // A tie is an odd multiple of 1 / (2 * 10^digits), which a double can only be as a multiple of 1 / 2^(digits + 1).
  if (!Number.isInteger(size * 2 ** (digits + 1))) return rounded;
  const next = size.toFixed(digits + 1);
  if (!next.endsWith('5') || !/^0*$/.test(size.toFixed(100).slice(size.toFixed(100).indexOf('.') + digits + 2)))
    return rounded;
  const cut = next.slice(0, digits === 0 ? -2 : -1);
  return /[02468]$/.test(cut) ? cut : rounded;
}

/** `%.<precision>g` without flags. */
export function formatGeneral(value: number, precision: number): string {
  if (value !== value) return nanText;
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (value < 0) return `-${formatGeneral(-value, precision)}`;
  const digits = precision === 0 ? 1 : precision;
  const exponential = toExponential(value, digits - 1);
  const at = exponential.indexOf('e');
  const exponent = Number(exponential.slice(at + 1));
  if (exponent < -4 || exponent >= digits) {
    let mantissa = exponential.slice(0, at);
    if (mantissa.includes('.')) mantissa = mantissa.replace(/\.?0+$/, '');
    const size = Math.abs(exponent);
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${size < 10 ? `0${size}` : size}`;
  }
  const fixed = toFixed(value, Math.max(0, digits - 1 - exponent));
  return fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed;
}

const CODE_POINT = 46;
const CODE_0 = 48;
const CODE_5 = 53;
const CODE_9 = 57;

/**
 * The shortest text of a size from 1e-4 to 1e14, which has more than 14 digits, rounded to 14; undefined for a tie or a carry.
 * Rounding it is rounding the value itself: were there a text of 15 digits between the two, that would be the shortest.
 */
function roundShortest(shortest: string): string | undefined {
  let first = 0;
  if (shortest.charCodeAt(0) === CODE_0) for (first = 2; shortest.charCodeAt(first) === CODE_0;) first++;
  // With digits before the point, the point is among those that stay.
  let end = first === 0 ? 15 : first + 14;
  const next = shortest.charCodeAt(end);
  if (next >= CODE_5) {
    const last = shortest.charCodeAt(end - 1);
    if ((next === CODE_5 && shortest.length === end + 1) || last === CODE_9 || last === CODE_POINT) return undefined;
    return shortest.slice(0, end - 1) + String.fromCharCode(last + 1);
  }
  while (shortest.charCodeAt(end - 1) === CODE_0) end--;
  if (shortest.charCodeAt(end - 1) === CODE_POINT) end--;
  return shortest.slice(0, end);
}

/** The text of a number, as `tostring` gives it. */
export function numberToString(value: number): string {
  if ((value | 0) === value) return value === 0 && 1 / value < 0 ? '-0' : `${value}`;
  if (Number.isInteger(value) && value < 1e14 && value > -1e14) return `${value}`;
  const size = value < 0 ? -value : value;
  if (size >= 1e-4 && size < 1e14) {
    // The shortest text that reads back as the value, where it has 14 digits or fewer, is what rounding to 14 gives.
    const shortest = `${size}`;
    const text = shortest.length <= 15 ? shortest : roundShortest(shortest);
    if (text !== undefined) return value < 0 ? `-${text}` : text;
  }
  return formatGeneral(value, 14);
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const hexadecimal = /^([+-]?)0[xX]([0-9a-fA-F]*)(?:\.([0-9a-fA-F]*))?(?:[pP]([+-]?\d+))?$/;
const special = /^([+-]?)(inf|infinity|nan(?:\([0-9a-zA-Z_]*\))?)$/i;

function parseHexadecimal(parts: RegExpExecArray): number | undefined {
  const [, sign, whole = '', fraction = '', exponent] = parts;
  if (whole.length + fraction.length === 0) return undefined;
  let value = 0;
  for (const digit of whole) value = value * 16 + parseInt(digit, 16);
  let scale = 1 / 16;
  for (const digit of fraction) {
    value += parseInt(digit, 16) * scale;
    scale /= 16;
  }
  if (exponent !== undefined) value *= 2 ** Number(exponent);
  return sign === '-' ? -value : value;
}

/** The number that a text without surrounding blanks spells, or undefined. */
export function parseNumber(text: string): number | undefined {
  if (decimal.test(text)) return Number(text);
  const parts = hexadecimal.exec(text);
  if (parts !== null) return parseHexadecimal(parts);
  const name = special.exec(text);
  if (name === null) return undefined;
  if (/^nan/i.test(name[2]!)) return NaN;
  return name[1] === '-' ? -Infinity : Infinity;
}

const surroundingBlanks = /^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g;

/** Arithmetic's view of a string: blanks around are fine. */
export function stringToNumber(text: string): number | undefined {
  const first = text.charCodeAt(0);
  const last = text.charCodeAt(text.length - 1);
  if (first > 32 && last > 32) return parseNumber(text);
  return parseNumber(text.replace(surroundingBlanks, ''));
}
