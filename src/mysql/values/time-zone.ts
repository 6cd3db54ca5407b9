// time-zone: TIMESTAMP values, which are seconds since 1970, as dates and times of a zone: an offset (+08:00) or a name
// (Asia/Shanghai), with the zone's rules as Node knows them.

import type { ZoneOf } from '../binlog/temporal.js';

const OFFSET_MAX_SECONDS = 14 * 3600;

function format(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
}

/** The function for a zone; undefined when there is no such zone. */
export function zoneOf(name: string): ZoneOf | undefined {
  if (/^(utc|z)$/i.test(name)) return format;
  const match = /^([+-])(\d{1,2}):(\d\d)$/.exec(name);
  if (match !== null) {
    const offset = (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 3600 + Number(match[3]) * 60);
    if (Math.abs(offset) > OFFSET_MAX_SECONDS) return undefined;
    return (seconds) => format(seconds + offset);
  }
  let formatter: Intl.DateTimeFormat;
  try {
    formatter = new Intl.DateTimeFormat('sv-SE', { timeZone: name, dateStyle: 'short', timeStyle: 'medium' });
  } catch {
    return undefined;
  }
  return (seconds) => formatter.format(new Date(seconds * 1000));
}
