// nearby: places by position, the nearest first.

import { type Commands, replyList, replyNumber, replyText, requireCount, requireFinite, tagged } from '../commands.js';

export interface NearbyPlace {
  readonly member: string;
  readonly meters: number;
}

/** Places by position, in WGS 84 degrees; distances are off by up to 0.5 %, since the earth counts as a sphere. */
export class Nearby {
  private readonly key: string;

  constructor(
    private readonly commands: Commands,
    name: string,
  ) {
    this.key = tagged('nearby', name);
  }

  async put(member: string, longitude: number, latitude: number): Promise<void> {
    await this.commands.send('GEOADD', [this.key, ...requirePlace(longitude, latitude), member]);
  }

  async remove(member: string): Promise<void> {
    await this.commands.send('ZREM', [this.key, member]);
  }

  /** The nearest within a radius. Needs Redis 6.2. */
  async find(longitude: number, latitude: number, meters: number, count: number): Promise<NearbyPlace[]> {
    const around = [
      'FROMLONLAT',
      ...requirePlace(longitude, latitude),
      'BYRADIUS',
      requireFinite('meters', meters),
      'm',
      'ASC',
      'COUNT',
      requireCount('count', count),
    ];
    const reply = replyList(await this.commands.send('GEOSEARCH', [this.key, ...around, 'WITHDIST']));
    return reply.map((place) => {
      const [member, distance] = replyList(place);
      return { member: replyText(member)!, meters: replyNumber(distance) };
    });
  }
}

/** What Redis can store: the poles are out of reach. */
function requirePlace(longitude: number, latitude: number): [number, number] {
  if (!(Math.abs(longitude) <= 180 && Math.abs(latitude) <= 85.05112878))
    throw new RangeError(`no place has longitude ${longitude} and latitude ${latitude} (at most 180 and 85.05112878)`);
  return [longitude, latitude];
}
