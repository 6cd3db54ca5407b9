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

/** The text of a number, as `tostring` gives it. */
export function numberToString(value: number): string {
  if ((value | 0) === value) return value === 0 && 1 / value < 0 ? '-0' : `${value}`;
  if (Number.isInteger(value) && value < 1e14 && value > -1e14) return `${value}`;
  const size = value < 0 ? -value : value;
  if (size >= 1e-4 && size < 1e14) {
    // The shortest text that reads back as the value, where it has 14 digits or fewer, is what rounding to 14 gives.
    const shortest = `${value}`;
    if (shortest.length <= (value < 0 ? 16 : 15)) return shortest;
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
