// access: the common part of the geo commands: coordinates and units in arguments, distances and coordinates in
// replies.

import { parseDouble } from '../../base/double.js';
import { errors } from '../../protocol/errors.js';
import { type Argument, oneof, token } from '../../registry/grammar.js';
import { isOnMap } from '../../structures/geohash.js';
import type { DataCall } from '../engine.js';

export function argumentDouble(call: DataCall, index: number): number {
  return parseDouble(call.bytes, call.starts[index]!, call.lengths[index]!);
}

export const coordinates = { longitude: 0, latitude: 0 };

/** Reads longitude and latitude at `index` and after it into `coordinates`; false after an error reply. */
export function parseCoordinates(call: DataCall, index: number): boolean {
  const longitude = argumentDouble(call, index);
  const latitude = argumentDouble(call, index + 1);
  if (Number.isNaN(longitude) || Number.isNaN(latitude)) {
    call.reply.error(errors.notFloat);
    return false;
  }
  if (!isOnMap(longitude, latitude)) {
    call.reply.error(`ERR invalid longitude,latitude pair ${sixPlaces(longitude)},${sixPlaces(latitude)}`);
    return false;
  }
  coordinates.longitude = longitude;
  coordinates.latitude = latitude;
  return true;
}

/** A number as C's %f prints it. */
function sixPlaces(value: number): string {
  if (Number.isFinite(value)) {
    if (Math.abs(value) < 1e21) return value.toFixed(6);
    return `${BigInt(value).toString()}.000000`;
  }
  return value < 0 ? '-inf' : 'inf';
}

/** Metres of the unit at argument `index`; 0 after an error reply. */
export function parseUnit(call: DataCall, index: number): number {
  if (call.is(index, 'm')) return 1;
  if (call.is(index, 'km')) return 1000;
  if (call.is(index, 'ft')) return 0.3048;
  if (call.is(index, 'mi')) return 1609.34;
  call.reply.error('ERR unsupported unit provided. please use M, KM, FT, MI');
  return 0;
}

/** A distance in replies: four places, as a string in both protocols. */
export function replyDistance(call: DataCall, distance: number): void {
  call.reply.bulkText(distance.toFixed(4));
}

/** Longitude and latitude with up to 17 places, trailing zeros left out. */
export function replyCoordinates(call: DataCall, longitude: number, latitude: number): void {
  call.reply.array(2);
  call.reply.doubleText(seventeenPlaces(longitude));
  call.reply.doubleText(seventeenPlaces(latitude));
}

function seventeenPlaces(value: number): string {
  const text = value.toFixed(17).replace(/\.?0+$/, '');
  return text === '-0' ? '0' : text;
}

export const unitArgument: Argument = oneof('unit', token('M'), token('KM'), token('FT'), token('MI'));
