// search: members in a circle or box: GEOSEARCH, GEOSEARCHSTORE, and GEORADIUS with its relatives.
//
// The cells that cover the area are ranges of scores (structures/geohash); their members are looked at one by one. What
// is found is kept in parallel lists of numbers, as marks into the set, until it is sorted and replied or stored.

import { Type } from '../../datatypes/object.js';
import { errors } from '../../protocol/errors.js';
import {
  decodePlace,
  distanceWithin,
  exactDistanceBetween,
  place,
  rangesCovering,
  type SearchArea,
} from '../../structures/geohash.js';
import { readTyped, WRONG_TYPE } from '../access.js';
import type { DataCall } from '../engine.js';
import { sortedSetsOf, storeNothing, storeResult } from '../sorted-set/access.js';
import { argumentDouble, coordinates, parseCoordinates, parseUnit, replyCoordinates, replyDistance } from './access.js';
import { scoreOfMember } from './read.js';

export interface SearchForm {
  /** Argument of the set's key. */
  readonly source: number;
  /** GEORADIUS: place, radius and unit follow the key; GEORADIUSBYMEMBER: member, radius, unit; GEOSEARCH: all is options. */
  readonly origin: 'place' | 'member' | 'options';
  /** Argument of the key to store in, 0: none by position. */
  readonly destination: number;
  /** Whether the options STORE and STOREDIST are allowed. */
  readonly storeOptions: boolean;
}

class Search {
  hasOrigin = false;
  longitude = 0;
  latitude = 0;
  shape: SearchArea['shape'] | undefined;
  width = 0;
  height = 0;
  meters = 1;
  withDistance = false;
  withHash = false;
  withCoordinates = false;
  order: 'none' | 'asc' | 'desc' = 'none';
  count = 0;
  any = false;
  /** Argument of the key to store in, 0: the result is the reply. */
  destination = 0;
  storesDistance = false;

  constructor(
    readonly call: DataCall,
    readonly form: SearchForm,
    /** The set's entry, 0 when it is missing. */
    readonly entry: number,
  ) {
    this.destination = form.destination;
  }

  private fail(text: string): false {
    this.call.reply.error(text);
    return false;
  }

  /** Reads all arguments; false after an error reply. */
  parse(): boolean {
    const { call, form } = this;
    let index = form.source + 1;
    if (form.origin === 'place') {
      if (!this.setPlace(index) || !this.setCircle(index + 2)) return false;
      index += 4;
    } else if (form.origin === 'member') {
      if (this.entry !== 0 && !(this.setMember(index) && this.setCircle(index + 1))) return false;
      index += 3;
    }
    while (index < call.count) {
      const used = this.parseOption(index);
      if (used === 0) return false;
      index += used;
    }
    return this.check();
  }

  /** Reads the option at `index`; returns how many arguments it has, 0 after an error reply. */
  private parseOption(index: number): number {
    const { call, form } = this;
    const left = call.count - index - 1;
    if (call.is(index, 'withdist')) this.withDistance = true;
    else if (call.is(index, 'withhash')) this.withHash = true;
    else if (call.is(index, 'withcoord')) this.withCoordinates = true;
    else if (call.is(index, 'any')) this.any = true;
    else if (call.is(index, 'asc')) this.order = 'asc';
    else if (call.is(index, 'desc')) this.order = 'desc';
    else if (left >= 1 && call.is(index, 'count')) return this.setCount(index + 1) ? 2 : 0;
    else if (form.storeOptions && left >= 1 && (call.is(index, 'store') || call.is(index, 'storedist'))) {
      this.storesDistance = call.is(index, 'storedist');
      this.destination = index + 1;
      return 2;
    } else if (form.origin === 'options') return this.parseSearchOption(index, left);
    else return this.syntaxError();
    return 1;
  }

  private parseSearchOption(index: number, left: number): number {
    const { call, form } = this;
    if (left >= 1 && !this.hasPlace && call.is(index, 'frommember')) {
      this.hasMember = true;
      return this.entry === 0 || this.setMember(index + 1) ? 2 : 0;
    }
    if (left >= 2 && !this.hasMember && call.is(index, 'fromlonlat')) {
      this.hasPlace = true;
      return this.setPlace(index + 1) ? 3 : 0;
    }
    if (left >= 2 && this.shape !== 'box' && call.is(index, 'byradius')) return this.setCircle(index + 1) ? 3 : 0;
    if (left >= 3 && this.shape !== 'circle' && call.is(index, 'bybox')) return this.setBox(index + 1) ? 4 : 0;
    if (form.destination > 0 && call.is(index, 'storedist')) {
      this.storesDistance = true;
      return 1;
    }
    return this.syntaxError();
  }

  private hasMember = false;
  private hasPlace = false;

  private syntaxError(): number {
    this.call.reply.error(errors.syntax);
    return 0;
  }

  private check(): boolean {
    const { form } = this;
    const name = (): string => this.call.shown(0);
    if (this.destination > 0 && (this.withDistance || this.withHash || this.withCoordinates)) {
      const what = form.origin === 'options' ? 'GEOSEARCHSTORE' : 'STORE option in GEORADIUS';
      return this.fail(`ERR ${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`);
    }
    if (form.origin === 'options') {
      if (!this.hasMember && !this.hasPlace)
        return this.fail(`ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${name()}`);
      if (this.shape === undefined)
        return this.fail(`ERR exactly one of BYRADIUS and BYBOX can be specified for ${name()}`);
    }
    if (this.any && this.count === 0) return this.fail('ERR the ANY argument requires COUNT argument');
    if (this.count > 0 && this.order === 'none' && !this.any) this.order = 'asc';
    return true;
  }

  private setPlace(index: number): boolean {
    if (!parseCoordinates(this.call, index)) return false;
    this.longitude = coordinates.longitude;
    this.latitude = coordinates.latitude;
    return true;
  }

  private setMember(index: number): boolean {
    const score = scoreOfMember(this.call, this.entry, index);
    if (Number.isNaN(score)) return this.fail('ERR could not decode requested zset member');
    decodePlace(score);
    this.longitude = place.longitude;
    this.latitude = place.latitude;
    return true;
  }

  private setCircle(index: number): boolean {
    const radius = argumentDouble(this.call, index);
    if (Number.isNaN(radius)) return this.fail('ERR need numeric radius');
    if (radius < 0) return this.fail('ERR radius cannot be negative');
    this.meters = parseUnit(this.call, index + 1);
    this.shape = 'circle';
    this.width = this.height = 2 * radius * this.meters;
    return this.meters > 0;
  }

  private setBox(index: number): boolean {
    const width = argumentDouble(this.call, index);
    if (Number.isNaN(width)) return this.fail('ERR need numeric width');
    const height = argumentDouble(this.call, index + 1);
    if (Number.isNaN(height)) return this.fail('ERR need numeric height');
    if (width < 0 || height < 0) return this.fail('ERR height or width cannot be negative');
    this.meters = parseUnit(this.call, index + 2);
    this.shape = 'box';
    this.width = width * this.meters;
    this.height = height * this.meters;
    return this.meters > 0;
  }

  private setCount(index: number): boolean {
    this.count = this.call.integer(index);
    if (Number.isNaN(this.count)) return this.fail(errors.notInteger);
    return this.count > 0 || this.fail(errors.countNotPositive);
  }
}

/** The result of a search: marks of members, their scores, and their distances in metres. */
interface Found {
  readonly marks: number[];
  readonly scores: number[];
  readonly distances: number[];
}

function collect(search: Search): Found {
  const { call, entry } = search;
  const { entries } = call.host.keyspace;
  const sets = sortedSetsOf(call);
  const { walk } = sets;
  const encoding = entries.encoding(entry);
  const ref = entries.word2(entry);
  const { longitude, latitude, width, height } = search;
  const area: SearchArea = { shape: search.shape!, longitude, latitude, width, height };
  const limit = search.any ? search.count : Infinity;
  const found: Found = { marks: [], scores: [], distances: [] };
  for (const { from, to } of rangesCovering(area)) {
    if (found.marks.length >= limit) break;
    walk.from(encoding, ref, sets.countBelow(encoding, ref, from, false));
    for (; walk.valid && walk.score < to && found.marks.length < limit; walk.next()) {
      decodePlace(walk.score);
      const distance = distanceWithin(area, place.longitude, place.latitude);
      if (distance < 0) continue;
      found.marks.push(walk.mark());
      found.scores.push(walk.score);
      found.distances.push(distance);
    }
  }
  return found;
}

/** The places in `found` in the order of the reply, cut to the count. */
function arrange(search: Search, found: Found): number[] {
  const indexes = Array.from(found.marks, (_, index) => index);
  const { distances } = found;
  if (search.order === 'asc') indexes.sort((a, b) => distances[a]! - distances[b]!);
  else if (search.order === 'desc') indexes.sort((a, b) => distances[b]! - distances[a]!);
  return search.count > 0 ? indexes.slice(0, search.count) : indexes;
}

function replyFound(search: Search, found: Found, indexes: readonly number[]): void {
  const { call } = search;
  const { reply } = call;
  const { walk } = sortedSetsOf(call);
  const options = (search.withDistance ? 1 : 0) + (search.withHash ? 1 : 0) + (search.withCoordinates ? 1 : 0);
  reply.array(indexes.length);
  for (const index of indexes) {
    if (options > 0) reply.array(options + 1);
    walk.recall(found.marks[index]!);
    reply.bulkOf(walk.bytes, walk.view, walk.start, walk.length);
    if (search.withDistance) replyDistance(call, found.distances[index]! / search.meters);
    if (search.withHash) reply.integer(Math.trunc(found.scores[index]!));
    if (search.withCoordinates) {
      decodePlace(found.scores[index]!);
      replyCoordinates(call, place.longitude, place.latitude);
    }
  }
}

function exactDistance(search: Search, score: number): number {
  decodePlace(score);
  return exactDistanceBetween(search.longitude, search.latitude, place.longitude, place.latitude);
}

function storeFound(search: Search, found: Found, indexes: readonly number[]): void {
  const { call } = search;
  const { limits } = call.host;
  const sets = sortedSetsOf(call);
  const { walk } = sets;
  // The big form first: what is found is not in the order of scores.
  sets.create(Infinity, 0, limits);
  for (const index of indexes) {
    walk.recall(found.marks[index]!);
    const score = search.storesDistance
      ? exactDistance(search, found.scores[index]!) / search.meters
      : found.scores[index]!;
    sets.add(sets.encoding, sets.ref, score, 0, walk.bytes, walk.start, walk.length, limits);
  }
  sets.settle(sets.encoding, sets.ref, limits);
  const event = search.form.origin === 'options' ? 'geosearchstore' : 'georadiusstore';
  storeResult(call, search.destination, sets.encoding, sets.ref, event, indexes.length);
}

export function runSearch(call: DataCall, form: SearchForm): void {
  const entry = readTyped(call, form.source, Type.ZSET);
  if (entry === WRONG_TYPE) return;
  const search = new Search(call, form, entry);
  if (!search.parse()) return;
  if (entry === 0) {
    if (search.destination > 0) storeNothing(call, search.destination);
    else call.reply.emptyArray();
    return;
  }
  const found = collect(search);
  const indexes = arrange(search, found);
  if (search.destination > 0) storeFound(search, found, indexes);
  else replyFound(search, found, indexes);
}
