// path: the few functions of node:path that the server uses, for the paths of a disk in memory.

function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/** Absolute; the working folder is the root. */
export function resolve(...paths: string[]): string {
  const from = paths.findLastIndex((path) => path.startsWith('/'));
  return `/${normal(paths.slice(Math.max(0, from)).join('/'))}`;
}

export function join(...paths: string[]): string {
  const joined = paths.filter((path) => path !== '').join('/');
  return (joined.startsWith('/') ? '/' : '') + normal(joined) || '.';
}

export function dirname(path: string): string {
  const end = path.replace(/\/+$/, '').lastIndexOf('/');
  return end < 0 ? '.' : end === 0 ? '/' : path.slice(0, end);
}
