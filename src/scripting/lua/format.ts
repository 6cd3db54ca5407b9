// format: string.format, as C's printf has the conversions that Lua lets through.
import { checkInteger, checkNumber, checkString } from './native.js';
import { formatGeneral, toExponential, toFixed } from './numbers.js';
import { argumentError, nativeError } from './values.js';
import type { LuaValue } from './values.js';

interface Conversion {
  readonly left: boolean;
  readonly plus: boolean;
  readonly space: boolean;
  readonly alternate: boolean;
  readonly zero: boolean;
  readonly width: number;
  readonly precision: number | null;
  /** Without flags, width and precision. */
  readonly isPlain: boolean;
}

function pad(text: string, conversion: Conversion, isNumber: boolean): string {
  const missing = conversion.width - text.length;
  if (missing <= 0) return text;
  if (conversion.left) return text + ' '.repeat(missing);
  if (!conversion.zero || !isNumber) return ' '.repeat(missing) + text;
  const signLength = /^[+\- ]?(?:0[xX])?/.exec(text)![0].length;
  return text.slice(0, signLength) + '0'.repeat(missing) + text.slice(signLength);
}

function signed(text: string, isNegative: boolean, conversion: Conversion): string {
  if (isNegative) return `-${text}`;
  if (conversion.plus) return `+${text}`;
  return conversion.space ? ` ${text}` : text;
}

const two64 = 2n ** 64n;

function toInt64(value: number): bigint {
  if (value !== value || value >= 2 ** 63 || value < -(2 ** 63)) return -(2n ** 63n);
  return BigInt(Math.trunc(value));
}

function toUint64(value: number): bigint {
  if (value !== value) return 2n ** 63n;
  if (value >= 2 ** 63) return value >= 2 ** 64 ? 0n : BigInt(Math.trunc(value));
  const whole = toInt64(value);
  return whole < 0n ? whole + two64 : whole;
}

function formatInteger(letter: string, value: number, conversion: Conversion): string {
  if (conversion.isPlain && (letter === 'd' || letter === 'i') && Math.abs(value) < 2 ** 53)
    return `${Math.trunc(value)}`;
  let digits: string;
  let isNegative = false;
  if (letter === 'd' || letter === 'i') {
    const whole = toInt64(value);
    isNegative = whole < 0n;
    digits = (isNegative ? -whole : whole).toString();
  } else {
    const base = letter === 'o' ? 8 : letter === 'u' ? 10 : 16;
    const whole = toUint64(value);
    digits = whole.toString(base);
    if (letter === 'X') digits = digits.toUpperCase();
    if (conversion.precision !== null) digits = digits.padStart(conversion.precision, '0');
    if (conversion.alternate && whole !== 0n) {
      if (base === 16) digits = `0${letter}${digits}`;
      else if (base === 8 && !digits.startsWith('0')) digits = `0${digits}`;
    }
    if (conversion.precision === 0 && whole === 0n) digits = '';
    return pad(digits, conversion.precision === null ? conversion : { ...conversion, zero: false }, true);
  }
  if (conversion.precision !== null) {
    digits = conversion.precision === 0 && digits === '0' ? '' : digits.padStart(conversion.precision, '0');
  }
  return pad(
    signed(digits, isNegative, conversion),
    conversion.precision === null ? conversion : { ...conversion, zero: false },
    true,
  );
}

/** All digits of a whole number, where toFixed would turn to an exponent. */
function fixed(value: number, precision: number): string {
  if (value < 1e21) return toFixed(value, precision);
  const whole = BigInt(value).toString();
  return precision > 0 ? `${whole}.${'0'.repeat(precision)}` : whole;
}

function exponential(value: number, precision: number): string {
  const [mantissa, exponent = '+0'] = toExponential(value, precision).split('e') as [string, string];
  const size = exponent.slice(1);
  return `${mantissa}e${exponent[0]!}${size.length < 2 ? `0${size}` : size}`;
}

function generalWithZeros(value: number, precision: number): string {
  const digits = precision === 0 ? 1 : precision;
  const exponent = value === 0 ? 0 : Number(toExponential(value, digits - 1).split('e')[1]);
  const text =
    exponent < -4 || exponent >= digits ? exponential(value, digits - 1) : fixed(value, digits - 1 - exponent);
  return text.includes('.') ? text : text.replace(/(e|$)/, '.$1');
}

function formatFloat(letter: string, value: number, conversion: Conversion): string {
  const isNegative = value < 0 || Object.is(value, -0) || value !== value;
  const size = Math.abs(value);
  let text: string;
  if (!Number.isFinite(value)) {
    text = value !== value ? 'nan' : 'inf';
  } else {
    const precision = conversion.precision ?? 6;
    switch (letter.toLowerCase()) {
      case 'e':
        text = exponential(size, precision);
        break;
      case 'f':
        text = fixed(size, precision);
        break;
      default:
        text = conversion.alternate ? generalWithZeros(size, precision) : formatGeneral(size, precision);
    }
    if (conversion.alternate && !text.includes('.')) text = text.replace(/(e|$)/, '.$1');
  }
  if (letter === 'E' || letter === 'G') text = text.toUpperCase();
  return pad(
    signed(text, isNegative, conversion),
    Number.isFinite(value) ? conversion : { ...conversion, zero: false },
    true,
  );
}

function quoted(text: string): string {
  return `"${text.replace(/["\\\n\r\0]/g, (c) => (c === '\r' ? '\\r' : c === '\0' ? '\\000' : `\\${c}`))}"`;
}

const itemPattern = /^([-+ #0]*)(\d*)(?:\.(\d*))?/;

interface Item {
  readonly conversion: Conversion;
  readonly letterAt: number;
}

function parseConversion(format: string, at: number): Item {
  const [all, flags, width, precision] = itemPattern.exec(format.slice(at, at + 40))! as unknown as [
    string,
    string,
    string,
    string | undefined,
  ];
  if (flags.length > 5) throw nativeError('invalid format (repeated flags)');
  if (width.length > 2 || (precision?.length ?? 0) > 2)
    throw nativeError('invalid format (width or precision too long)');
  const conversion: Conversion = {
    left: flags.includes('-'),
    plus: flags.includes('+'),
    space: flags.includes(' '),
    alternate: flags.includes('#'),
    zero: flags.includes('0') && !flags.includes('-'),
    width: Number(width),
    precision: precision === undefined ? null : Number(precision),
    isPlain: all === '',
  };
  return { conversion, letterAt: at + all.length };
}

function convert(args: LuaValue[], number: number, letter: string, conversion: Conversion): string {
  switch (letter) {
    case 'c':
      return pad(String.fromCharCode(checkInteger(args, number) & 255), conversion, false);
    case 'd':
    case 'i':
    case 'o':
    case 'u':
    case 'x':
    case 'X':
      return formatInteger(letter, checkNumber(args, number), conversion);
    case 'e':
    case 'E':
    case 'f':
    case 'g':
    case 'G':
      return formatFloat(letter, checkNumber(args, number), conversion);
    case 'q':
      return quoted(checkString(args, number));
    case 's': {
      const text = checkString(args, number);
      if (conversion.precision === null && text.length >= 100) return text;
      // C's printf takes a string to its first zero byte.
      const zero = text.indexOf('\0');
      const cText = zero < 0 ? text : text.slice(0, zero);
      if (conversion.isPlain) return cText;
      return pad(conversion.precision === null ? cText : cText.slice(0, conversion.precision), conversion, false);
    }
    default:
      throw nativeError(`invalid option '%${letter}' to 'format'`);
  }
}

/** The items of formats that were used, in their order: a script uses few, again and again. */
const knownFormats = new Map<string, Item[]>();
const knownFormatsMax = 64;
const knownFormatLengthMax = 256;

function itemsOf(format: string): Item[] {
  let items = knownFormats.get(format);
  if (items !== undefined) return items;
  items = [];
  if (format.length > knownFormatLengthMax) return items;
  if (knownFormats.size === knownFormatsMax) knownFormats.clear();
  knownFormats.set(format, items);
  return items;
}

export function formatString(args: LuaValue[]): string {
  const format = checkString(args, 1);
  const items = itemsOf(format);
  let result = '';
  let number = 1;
  let at = 0;
  for (;;) {
    const percent = format.indexOf('%', at);
    if (percent < 0) return result + format.slice(at);
    result += format.slice(at, percent);
    at = percent + 1;
    if (format[at] === '%') {
      result += '%';
      at++;
      continue;
    }
    number++;
    // A wrong item is an error only once those before it are through.
    const { conversion, letterAt } = (items[number - 2] ??= parseConversion(format, at));
    if (number > args.length) throw argumentError(number, 'no value');
    result += convert(args, number, format[letterAt] ?? '', conversion);
    at = letterAt + 1;
  }
}
