// payload: the reply of DUMP as a record: type, value, version (2 bytes), CRC-64 (8 bytes).

import { Crc64 } from '../../base/crc64.js';
import { knownType, RDB_VERSION_VALKEY, valueKindOf } from '../../persistence/rdb/format.js';
import { keyRecord, type KeyRecord } from './record.js';

const FOOTER_BYTES = 10;

/** Undefined when the payload is damaged or of a version that is not known. */
export function recordOfPayload(
  payload: Uint8Array,
  key: Uint8Array,
  fields: Partial<Pick<KeyRecord, 'database' | 'expireAtMs'>>,
): KeyRecord | undefined {
  if (payload.length < FOOTER_BYTES + 2) return undefined;
  const footer = payload.length - FOOTER_BYTES;
  const crc = new Crc64();
  crc.update(payload, 0, payload.length - 8);
  if (!crc.matches(payload, footer + 2)) return undefined;
  const version = payload[footer]! | (payload[footer + 1]! << 8);
  const isValkey = version >= RDB_VERSION_VALKEY;
  const rdbType = knownType(payload[0]!, isValkey);
  if (rdbType < 0) return undefined;
  return keyRecord({ ...fields, key, kind: valueKindOf(rdbType), rdbType, isValkey, raw: payload.subarray(1, footer) });
}
