// router: the part of the address behind the #, so that the program needs to serve one page only: #/s/ID/keys?db=1.
import { useEffect, useState } from 'preact/hooks';

export interface Place {
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
}

export function place(): Place {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return {
    parts: path
      .split('/')
      .filter((part) => part !== '')
      .map(safeDecode),
    query: new URLSearchParams(query),
  };
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function usePlace(): Place {
  const [current, setCurrent] = useState(place);
  useEffect(() => {
    const follow = (): void => setCurrent(place());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return current;
}

export function linkTo(parts: readonly string[], query: Readonly<Record<string, string | number>> = {}): string {
  const words = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(wellFormed(value))}`);
  return `#/${parts.map((part) => encodeURIComponent(wellFormed(part))).join('/')}${words.length === 0 ? '' : `?${words.join('&')}`}`;
}

/** Bytes that are no UTF-8 have no place in an address: they come as `shown` makes them. */
function wellFormed(value: string | number): string {
  return String(value).replace(/\p{Surrogate}/gu, '\ufffd');
}

type Query = Readonly<Record<string, string | number>>;

export function goTo(parts: readonly string[], query?: Query): void {
  location.hash = linkTo(parts, query);
}

/** As `goTo`, in the place of the current entry of the browser's history. */
export function goInstead(parts: readonly string[], query?: Query): void {
  location.replace(linkTo(parts, query));
}
