// text-value: a value of a column as the text protocol gives it, made into the same value that the binlog's bytes give.
//
// The session reads as the binlog is read: character set utf8mb4, time zone +00:00.

import type { ZoneOf } from '../binlog/temporal.js';
import type { Column } from '../values/column.js';
import { shrinkInteger } from '../values/integers.js';
import { Decimal, JsonText, type Value } from '../values/value.js';

const integers = new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'boolean']);

export function readTextValue(bytes: Buffer | null, column: Column, zone: ZoneOf): Value {
  if (bytes === null) return null;
  const { dataType } = column;
  if (integers.has(dataType)) {
    const text = bytes.toString('latin1');
    if (column.zeroFill > 0) return new Decimal(text);
    const number = Number(text);
    return Number.isSafeInteger(number) ? number : shrinkInteger(BigInt(text));
  }
  switch (dataType) {
    case 'decimal':
      return new Decimal(bytes.toString('latin1'));
    case 'float':
    case 'double':
      return column.zeroFill > 0 || column.decimals !== undefined
        ? new Decimal(bytes.toString('latin1'))
        : Number(bytes.toString('latin1'));
    case 'bit':
      return bytes.length === 0 ? 0 : shrinkInteger(BigInt(`0x${bytes.toString('hex')}`));
    case 'year': {
      const text = bytes.toString('latin1');
      return text === '0000' ? text : Number(text);
    }
    case 'json':
      return new JsonText(bytes.toString('utf8'));
    case 'timestamp':
      return zoned(bytes.toString('latin1'), zone);
    default:
      return column.textKind === 'binary' ? Uint8Array.from(bytes) : bytes.toString('utf8');
  }
}

/** A timestamp of the session's +00:00 in the zone that is wanted. */
function zoned(text: string, zone: ZoneOf): string {
  if (text.startsWith('0000-00-00')) return text;
  const [whole, fraction] = text.split('.');
  const seconds = Date.parse(`${whole!.replace(' ', 'T')}Z`) / 1000;
  return zone(seconds) + (fraction === undefined ? '' : `.${fraction}`);
}
