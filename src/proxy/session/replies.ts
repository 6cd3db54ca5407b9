// replies: short replies that the proxy gives itself.
import { latin1Bytes } from '../../base/bytes.js';

export const okReply = latin1Bytes('+OK\r\n');
export const queuedReply = latin1Bytes('+QUEUED\r\n');
export const pongReply = latin1Bytes('+PONG\r\n');
