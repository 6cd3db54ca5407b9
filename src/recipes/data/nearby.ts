// nearby: places by position, the nearest first.

import { type Commands, replyList, replyNumber, replyText, requireCount, tagged } from '../commands.js';

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
    await this.commands.send('GEOADD', [this.key, longitude, latitude, member]);
  }

  async remove(member: string): Promise<void> {
    await this.commands.send('ZREM', [this.key, member]);
  }

  /** The nearest within a radius. Needs Redis 6.2. */
  async find(longitude: number, latitude: number, meters: number, count: number): Promise<NearbyPlace[]> {
    const around = [
      'FROMLONLAT',
      longitude,
      latitude,
      'BYRADIUS',
      meters,
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
