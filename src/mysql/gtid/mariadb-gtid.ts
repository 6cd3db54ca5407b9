// mariadb-gtid: how far MariaDB's transactions have been seen: the last one of each domain, `domain-server-sequence`.
//
// Source: "Global Transaction ID" in MariaDB's knowledge base.
import { GtidFormatError } from './mysql-gtid-set.js';

interface MariadbGtid {
  readonly domain: string;
  readonly server: string;
  readonly sequence: bigint;
}

function parseGtid(text: string): MariadbGtid {
  const match = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/.exec(text.trim());
  if (match === null) throw new GtidFormatError(`'${text}' is no GTID of MariaDB (domain-server-sequence)`);
  return { domain: match[1]!, server: match[2]!, sequence: BigInt(match[3]!) };
}

export class MariadbGtidPosition {
  private readonly domains = new Map<string, MariadbGtid>();

  static parse(text: string): MariadbGtidPosition {
    const position = new MariadbGtidPosition();
    for (const part of text.split(',')) if (part.trim() !== '') position.add(part);
    return position;
  }

  /** Moves on to a transaction. */
  add(gtid: string): void {
    const parsed = parseGtid(gtid);
    this.domains.set(parsed.domain, parsed);
  }

  has(gtid: string): boolean {
    const { domain, sequence } = parseGtid(gtid);
    const seen = this.domains.get(domain);
    return seen !== undefined && seen.sequence >= sequence;
  }

  contains(other: MariadbGtidPosition): boolean {
    for (const { domain, sequence } of other.domains.values()) {
      const seen = this.domains.get(domain);
      if (seen === undefined || seen.sequence < sequence) return false;
    }
    return true;
  }

  toString(): string {
    return [...this.domains.values()]
      .sort((one, other) => Number(one.domain) - Number(other.domain))
      .map(({ domain, server, sequence }) => `${domain}-${server}-${sequence}`)
      .join(',');
  }
}
