// reply-tree: a reply as a tree, for those few that an old server shaped differently: read, changed, written again.
//
// It costs time and memory of the reply's size, so it is for commands that look at the server (INFO, COMMAND, CONFIG GET) and for
// short replies.

import { latin1 } from '../base/bytes.js';
import type { ReplyWriter } from '../protocol/reply.js';

/** A simple reply keeps its line; a bulk string is undefined where it is nil; a list keeps its kind ('*', '%', '~', '>'). */
export type ReplyTree =
  | { readonly type: 'line'; readonly line: string }
  | { readonly type: 'bulk'; readonly text: string | undefined }
  | { readonly type: 'verbatim'; readonly text: string }
  | { readonly type: 'list'; readonly kind: string; readonly items: ReplyTree[] | undefined };

export function bulk(text: string): ReplyTree {
  return { type: 'bulk', text };
}

export function integer(value: number): ReplyTree {
  return { type: 'line', line: `:${value}` };
}

/** The text of a tree that is one; undefined of others. */
export function textOf(tree: ReplyTree | undefined): string | undefined {
  if (tree?.type === 'line') return tree.line.slice(1);
  return tree?.type === 'bulk' || tree?.type === 'verbatim' ? tree.text : undefined;
}

export function itemsOf(tree: ReplyTree | undefined): ReplyTree[] {
  return tree?.type === 'list' ? (tree.items ?? []) : [];
}

/** Reads all replies that the bytes hold. */
export function readReplies(bytes: Uint8Array): ReplyTree[] {
  const text = latin1(bytes, 0, bytes.length);
  let at = 0;
  const line = (): string => {
    const end = text.indexOf('\r\n', at);
    const found = text.slice(at, end);
    at = end + 2;
    return found;
  };
  const blob = (length: number): string => {
    const found = text.slice(at, at + length);
    at += length + 2;
    return found;
  };
  const next = (): ReplyTree => {
    const head = line();
    const count = Number(head.slice(1));
    switch (head[0]) {
      case '$':
        return { type: 'bulk', text: count < 0 ? undefined : blob(count) };
      case '=':
        return { type: 'verbatim', text: blob(count) };
      case '*':
      case '~':
      case '>':
        return { type: 'list', kind: head[0], items: count < 0 ? undefined : Array.from({ length: count }, next) };
      case '%':
        return { type: 'list', kind: '%', items: Array.from({ length: 2 * count }, next) };
      default:
        return { type: 'line', line: head };
    }
  };
  const replies: ReplyTree[] = [];
  while (at < text.length) replies.push(next());
  return replies;
}

/** Writes a tree as it was read. */
export function writeReply(reply: ReplyWriter, tree: ReplyTree): void {
  reply.raw(Buffer.from(printed(tree), 'latin1'));
}

function printed(tree: ReplyTree): string {
  switch (tree.type) {
    case 'line':
      return `${tree.line}\r\n`;
    case 'bulk':
      return tree.text === undefined ? '$-1\r\n' : `$${tree.text.length}\r\n${tree.text}\r\n`;
    case 'verbatim':
      return `=${tree.text.length}\r\n${tree.text}\r\n`;
    case 'list': {
      if (tree.items === undefined) return `${tree.kind}-1\r\n`;
      const count = tree.kind === '%' ? tree.items.length / 2 : tree.items.length;
      return `${tree.kind}${count}\r\n${tree.items.map(printed).join('')}`;
    }
  }
}
