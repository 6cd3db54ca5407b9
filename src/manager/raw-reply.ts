// raw-reply: a reply as text of one character per byte, elements on lines of their own, as redis-cli's raw output has it.
import { isAggregate, replyText, type Reply } from '../client/reply.js';

export function rawReply(reply: Reply): string {
  switch (reply.kind) {
    case 'nil':
      return '';
    case 'error':
      return `${replyText(reply)}\n`;
    case 'boolean':
      return reply.value ? '(true)' : '(false)';
    default:
      if (!isAggregate(reply)) return replyText(reply);
      if (reply.kind !== 'map') return reply.elements.map(rawReply).join('\n');
      return reply.elements.map((element, index) => `${rawReply(element)}${index % 2 === 0 ? ' ' : '\n'}`).join('');
  }
}
