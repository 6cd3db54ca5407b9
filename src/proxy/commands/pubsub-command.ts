// pubsub-command: SUBSCRIBE and its kin, PUBLISH and PUBSUB through the proxy.
import { utf8 } from '../../base/bytes.js';
import { globMatches } from '../../base/glob.js';
import { latin1Bytes } from '../../base/bytes.js';
import type { Call } from '../../registry/call.js';
import type { Plan } from '../routing/plan.js';
import type { DispatchParts } from '../session/dispatch-parts.js';
import type { ChannelKind, PubSubHub } from '../session/pubsub-hub.js';
import type { Session } from '../session/session.js';

function publish(parts: DispatchParts, session: Session, plan: Plan): void {
  const { call, frame } = parts;
  const { router } = session.pool;
  const backend = router.pick(call.bytes, call.starts[1]!, call.lengths[1]!, true);
  if (backend === undefined) {
    parts.refuse(session, plan, router.error);
    return;
  }
  backend
    .connection(session.lane, 0, session.protocol)
    .send(session, session.order.take(), frame.bytes, frame.from, frame.count);
}

function pubsub(hub: PubSubHub, session: Session, plan: Plan, call: Call): void {
  const { reply } = call;
  reply.protocol = session.protocol;
  const isShard = plan.command.name.startsWith('shard');
  const kind: ChannelKind = isShard ? 'shard' : 'channel';
  switch (plan.command.name) {
    case 'channels':
    case 'shardchannels': {
      const pattern = call.count > 2 ? latin1Bytes(call.text(2)) : utf8('*');
      const names = hub.names(kind).filter((name) => globMatches(pattern, latin1Bytes(name)));
      reply.array(names.length);
      for (const name of names) reply.bulkLatin1(name);
      break;
    }
    case 'numsub':
    case 'shardnumsub':
      reply.array((call.count - 2) * 2);
      for (let index = 2; index < call.count; index++) {
        call.replyArgument(index);
        reply.integer(hub.listenerCount(kind, call.text(index)));
      }
      break;
    case 'numpat':
      reply.integer(hub.names('pattern').length);
      break;
    default:
      reply.array(1);
      reply.simple(
        'PUBSUB CHANNELS, NUMSUB, NUMPAT, SHARDCHANNELS and SHARDNUMSUB are about the clients of this proxy',
      );
  }
  session.answer(reply.takeBytes());
}

export function runPubSubCommand(hub: PubSubHub, parts: DispatchParts, session: Session, plan: Plan, call: Call): void {
  switch (plan.command.name) {
    case 'subscribe':
    case 'psubscribe':
    case 'ssubscribe':
      hub.subscribe(session, plan, call);
      return;
    case 'unsubscribe':
    case 'punsubscribe':
    case 'sunsubscribe':
      hub.unsubscribe(session, plan, call);
      return;
    case 'publish':
    case 'spublish':
      publish(parts, session, plan);
      return;
    default:
      pubsub(hub, session, plan, call);
  }
}
