// geohash: places on earth as one number of 52 bits, close places close together, and the cells that cover an area.
//
// A cell of step s is one of 2^s columns (x, of longitude) and 2^s rows (y, of latitude) of the map; its number has the bits
// of x and y in turn, y lowest. At step 26 that is a score of a sorted set, exact in a double. Cells are kept as x and y
// here, so that neighbours are x and y plus or minus one, around the world.
//
// Which cells a search visits, and in what order, is as in Redis: replies without a sort come in that order.
// Formulas: distances are haversine on a sphere of 6372797.560856 m.

import { arcsine, cosine, sine } from './geohash-trigonometry.js';

export const LONGITUDE_MAX = 180;
export const LATITUDE_MAX = 85.05112878;
const STEP_MAX = 26;
const EARTH_RADIUS_M = 6372797.560856;
const MERCATOR_MAX_M = 20037726.37;
const RADIANS = Math.PI / 180;

/** Spreads the low 13 bits: bit i goes to bit 2i. */
function spread(value: number): number {
  let bits = value & 0x1fff;
  bits = (bits | (bits << 8)) & 0x00ff00ff;
  bits = (bits | (bits << 4)) & 0x0f0f0f0f;
  bits = (bits | (bits << 2)) & 0x33333333;
  return (bits | (bits << 1)) & 0x55555555;
}

/** The inverse of `spread`. */
function gather(value: number): number {
  let bits = value & 0x55555555;
  bits = (bits | (bits >>> 1)) & 0x33333333;
  bits = (bits | (bits >>> 2)) & 0x0f0f0f0f;
  bits = (bits | (bits >>> 4)) & 0x00ff00ff;
  return (bits | (bits >>> 8)) & 0xffff;
}

/** The number of a cell from its column and row, of up to 26 bits each. */
function interleave(x: number, y: number): number {
  const high = (spread(x >>> 13) << 1) | spread(y >>> 13);
  const low = (spread(x) << 1) | spread(y);
  return high * 67108864 + low;
}

function cellOf(value: number, max: number, step: number): number {
  return Math.floor(((value + max) / (2 * max)) * 2 ** step);
}

export function isOnMap(longitude: number, latitude: number): boolean {
  return (
    longitude >= -LONGITUDE_MAX && longitude <= LONGITUDE_MAX && latitude >= -LATITUDE_MAX && latitude <= LATITUDE_MAX
  );
}

/** The number of 52 bits of a place on the map. */
export function encodePlace(longitude: number, latitude: number): number {
  return interleaveClipped(cellOf(longitude, LONGITUDE_MAX, STEP_MAX), cellOf(latitude, LATITUDE_MAX, STEP_MAX));
}

/** The east end of the map is a column too many; its bit goes beyond the 52, as in Redis. */
function interleaveClipped(x: number, y: number): number {
  const extra = (x >= 67108864 ? 2 : 0) + (y >= 67108864 ? 1 : 0);
  return interleave(x & 0x3ffffff, y & 0x3ffffff) + extra * 2 ** 52;
}

/** Longitude and latitude of the middle of a cell; filled by `decodePlace`. */
export const place = { longitude: 0, latitude: 0 };

/** Sets `place` to the middle of the smallest cell of a number. */
export function decodePlace(score: number): void {
  let x: number;
  let y: number;
  if (score >= 0 && score < 2 ** 52) {
    const whole = Math.floor(score);
    const high = Math.floor(whole / 67108864);
    const low = whole - high * 67108864;
    x = gather(high >>> 1) * 8192 + gather(low >>> 1);
    y = gather(high) * 8192 + gather(low);
  } else {
    // Nothing that GEOADD stores but at the very ends of the map: 64 bits are cut from whatever it is.
    const bits = BigInt.asUintN(64, BigInt(Number.isFinite(score) ? Math.trunc(score) : 0));
    x = y = 0;
    for (let bit = 31; bit >= 0; bit--) {
      x = x * 2 + Number((bits >> BigInt(2 * bit + 1)) & 1n);
      y = y * 2 + Number((bits >> BigInt(2 * bit)) & 1n);
    }
  }
  place.longitude = Math.min(LONGITUDE_MAX, Math.max(-LONGITUDE_MAX, middle(x, LONGITUDE_MAX)));
  place.latitude = Math.min(LATITUDE_MAX, Math.max(-LATITUDE_MAX, middle(y, LATITUDE_MAX)));
}

function middle(cell: number, max: number): number {
  return (edge(cell, max, STEP_MAX) + edge(cell + 1, max, STEP_MAX)) / 2;
}

/** Where a column or row begins. */
function edge(cell: number, max: number, step: number): number {
  return -max + (cell / 2 ** step) * (2 * max);
}

const alphabet = '0123456789bcdefghjkmnpqrstuvwxyz';

/** The usual geohash text of 11 letters of a number of 52 bits; the last letter, of which only two bits are left, is 0. */
export function geohashText(score: number): string {
  decodePlace(score);
  // The usual text counts latitudes from -90 to 90.
  const hash = BigInt(interleaveClipped(cellOf(place.longitude, 180, STEP_MAX), cellOf(place.latitude, 90, STEP_MAX)));
  let text = '';
  for (let index = 1; index <= 10; index++) text += alphabet[Number((hash >> BigInt(52 - 5 * index)) & 31n)];
  return `${text}0`;
}

function latitudeDistance(latitude1: number, latitude2: number): number {
  return EARTH_RADIUS_M * Math.abs(latitude2 * RADIANS - latitude1 * RADIANS);
}

/** Metres between two places. */
export function distanceBetween(longitude1: number, latitude1: number, longitude2: number, latitude2: number): number {
  const v = Math.sin((longitude2 * RADIANS - longitude1 * RADIANS) / 2);
  if (v === 0) return latitudeDistance(latitude1, latitude2);
  const u = Math.sin((latitude2 * RADIANS - latitude1 * RADIANS) / 2);
  const a = u * u + Math.cos(latitude1 * RADIANS) * Math.cos(latitude2 * RADIANS) * v * v;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(a));
}

/** As `distanceBetween`, right to the last digit; for distances that are kept, not for those that are compared. */
export function exactDistanceBetween(
  longitude1: number,
  latitude1: number,
  longitude2: number,
  latitude2: number,
): number {
  const v = sine((longitude2 * RADIANS - longitude1 * RADIANS) / 2);
  if (v === 0) return latitudeDistance(latitude1, latitude2);
  const u = sine((latitude2 * RADIANS - latitude1 * RADIANS) / 2);
  const a = u * u + cosine(latitude1 * RADIANS) * cosine(latitude2 * RADIANS) * v * v;
  return 2 * EARTH_RADIUS_M * arcsine(Math.sqrt(a));
}

/** A circle (width is the radius twice) or a box around a place; all lengths in metres. */
export interface SearchArea {
  readonly shape: 'circle' | 'box';
  readonly longitude: number;
  readonly latitude: number;
  readonly width: number;
  readonly height: number;
}

/** Metres from the middle of an area to a place, or -1 when that is outside. */
export function distanceWithin(area: SearchArea, longitude: number, latitude: number): number {
  if (area.shape === 'circle') {
    const distance = distanceBetween(area.longitude, area.latitude, longitude, latitude);
    return distance > area.width / 2 ? -1 : distance;
  }
  if (latitudeDistance(latitude, area.latitude) > area.height / 2) return -1;
  if (distanceBetween(longitude, latitude, area.longitude, latitude) > area.width / 2) return -1;
  return distanceBetween(area.longitude, area.latitude, longitude, latitude);
}

/** Numbers from `from` to before `to`: the places of one cell. */
export interface ScoreRange {
  readonly from: number;
  readonly to: number;
}

/** The middle cell and those around it, in the order that Redis looks at them. */
const around: readonly (readonly [dx: number, dy: number])[] = [
  [0, 0],
  [0, 1],
  [0, -1],
  [1, 0],
  [-1, 0],
  [1, 1],
  [-1, 1],
  [1, -1],
  [-1, -1],
];

/** The step of cells such that a cell and its neighbours cover a circle, but for distortions. */
function stepForRadius(meters: number, latitude: number): number {
  if (meters === 0) return STEP_MAX;
  let step = -1;
  for (let reach = meters; reach < MERCATOR_MAX_M; reach *= 2) step++;
  // Towards the poles columns are narrower than they look.
  if (Math.abs(latitude) > 66) step--;
  if (Math.abs(latitude) > 80) step--;
  return Math.min(STEP_MAX, Math.max(1, step));
}

/** The cells that together hold every place of an area, as ranges of numbers, without the useless ones. */
export function rangesCovering(area: SearchArea): ScoreRange[] {
  const { longitude, latitude } = area;
  const up = area.height / 2 / EARTH_RADIUS_M / RADIANS;
  // The side of the area that is nearer to the pole spans more degrees.
  const narrow = latitude < 0 ? latitude - up : latitude + up;
  const side = area.width / 2 / EARTH_RADIUS_M / Math.cos(narrow * RADIANS) / RADIANS;
  const [westMost, eastMost, southMost, northMost] = [longitude - side, longitude + side, latitude - up, latitude + up];

  const reach = area.shape === 'circle' ? area.width / 2 : Math.sqrt((area.width / 2) ** 2 + (area.height / 2) ** 2);
  let step = stepForRadius(reach, latitude);
  let cells = 2 ** step;
  let x = cellOf(longitude, LONGITUDE_MAX, step);
  let y = cellOf(latitude, LATITUDE_MAX, step);
  const wrap = (cell: number): number => ((cell % cells) + cells) % cells;
  // Only what was moved goes round the world: the middle cell may be the column after the last, at the map's very end.
  const column = (dx: number): number => (dx === 0 ? x : wrap(x + dx));
  const row = (dy: number): number => (dy === 0 ? y : wrap(y + dy));
  const west = (dx: number): number => edge(column(dx), LONGITUDE_MAX, step);
  const east = (dx: number): number => edge(column(dx) + 1, LONGITUDE_MAX, step);
  const south = (dy: number): number => edge(row(dy), LATITUDE_MAX, step);
  const north = (dy: number): number => edge(row(dy) + 1, LATITUDE_MAX, step);

  if (step > 1 && (north(1) < northMost || south(-1) > southMost || east(1) < eastMost || west(-1) > westMost)) {
    step--;
    cells = 2 ** step;
    x = cellOf(longitude, LONGITUDE_MAX, step);
    y = cellOf(latitude, LATITUDE_MAX, step);
  }
  const skipsSouth = step >= 2 && south(0) < southMost;
  const skipsNorth = step >= 2 && north(0) > northMost;
  const skipsWest = step >= 2 && west(0) < westMost;
  const skipsEast = step >= 2 && east(0) > eastMost;

  const ranges: ScoreRange[] = [];
  const width = 2 ** (2 * (STEP_MAX - step));
  let last = -1;
  for (const [dx, dy] of around) {
    if ((dx < 0 && skipsWest) || (dx > 0 && skipsEast) || (dy < 0 && skipsSouth) || (dy > 0 && skipsNorth)) continue;
    const from = interleaveClipped(column(dx), row(dy)) * width;
    // With the largest cells, two neighbours may be the same cell.
    if (from === last) continue;
    last = from;
    ranges.push({ from, to: from + width });
  }
  return ranges;
}
