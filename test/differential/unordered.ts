// unordered: replies whose order means nothing, put into one order so that two servers can be compared.

interface Parsed {
  readonly text: string;
  readonly end: number;
}

/** The reply at `at` as it stands. */
function parse(bytes: string, at: number): Parsed {
  const line = bytes.indexOf('\r\n', at);
  const head = bytes.slice(at + 1, line);
  const kind = bytes[at]!;
  let end = line + 2;
  if (kind === '$' && head !== '-1') end += Number(head) + 2;
  if ('*~%>'.includes(kind))
    for (let left = Number(head) * (kind === '%' ? 2 : 1); left > 0; left--) end = parse(bytes, end).end;
  return { text: bytes.slice(at, end), end };
}

/** Whether the bytes are just one whole reply. */
export function isOneReply(reply: string): boolean {
  return reply.endsWith('\r\n') && parse(reply, 0).end === reply.length;
}

/** The elements of an aggregate reply, each as its bytes; undefined for any other reply. */
export function elements(reply: string): string[] | undefined {
  if (!'*~%>'.includes(reply[0]!)) return undefined;
  const line = reply.indexOf('\r\n');
  const found: string[] = [];
  for (let at = line + 2; at < reply.length;) {
    const { text, end } = parse(reply, at);
    found.push(text);
    at = end;
  }
  return found;
}

/** The reply with its elements sorted, in groups of `width` that stay together. */
export function sortReply(reply: string, width: number): string {
  const found = elements(reply);
  if (found === undefined) return reply;
  const groups: string[] = [];
  for (let at = 0; at < found.length; at += width) groups.push(found.slice(at, at + width).join(''));
  return reply.slice(0, reply.indexOf('\r\n') + 2) + groups.sort().join('');
}
