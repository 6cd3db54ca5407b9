// pubsub: SUBSCRIBE and its kin, PUBLISH, SPUBLISH, and PUBSUB.
//
// Subscribing answers with one push message per channel, also in RESP2, where it is an array like any reply.
import { latin1Bytes } from '../../base/bytes.js';
import { globMatches } from '../../base/glob.js';
import { command, type KeySpec } from '../../registry/command.js';
import { many, optional, pattern, str } from '../../registry/grammar.js';
import { replyHelp } from '../../registry/help.js';
import type { ServiceCall, ServiceCommand } from '../host.js';
import type { TopicKind } from '../pubsub/pubsub.js';
import { unknownSubcommand } from './replies.js';

const listening = ['pubsub', 'noscript', 'loading', 'stale', 'sentinel'] as const;
const shardListening = ['pubsub', 'noscript', 'loading', 'stale'] as const;
const asking = ['pubsub', 'loading', 'stale'] as const;
const shardKeys: readonly KeySpec[] = [
  { flags: ['not_key'], begin: { index: 1 }, find: { last: -1, step: 1, limit: 0 } },
];

function subscribeTo(kind: TopicKind, word: string): (call: ServiceCall) => void {
  const wordBytes = latin1Bytes(word);
  return (call) => {
    const { pubsub } = call.host;
    // A transaction may subscribe, except to shard channels.
    if (call.denyBlocking && (kind === 'shardChannels' || !call.host.inTransaction(call))) {
      call.reply.error(`ERR ${word.toUpperCase()} isn't allowed for a DENY BLOCKING client`);
      return;
    }
    for (let index = 1; index < call.count; index++) {
      pubsub.subscribe(call.client, kind, call.copy(index));
      call.reply.push(3);
      call.reply.bulk(wordBytes, 0, wordBytes.length);
      call.replyArgument(index);
      call.reply.integer(pubsub.count(call.client, kind));
    }
    call.host.subscriptionsChanged(call.client);
  };
}

function unsubscribeFrom(kind: TopicKind, word: string): (call: ServiceCall) => void {
  const wordBytes = latin1Bytes(word);
  return (call) => {
    const { pubsub } = call.host;
    const names = call.count > 1 ? [] : pubsub.names(call.client, kind);
    for (let index = 1; index < call.count; index++) names.push(call.copy(index));
    for (const name of names) {
      pubsub.unsubscribe(call.client, kind, name);
      call.reply.push(3);
      call.reply.bulk(wordBytes, 0, wordBytes.length);
      call.reply.bulk(name, 0, name.length);
      call.reply.integer(pubsub.count(call.client, kind));
    }
    if (names.length === 0) {
      call.reply.push(3);
      call.reply.bulk(wordBytes, 0, wordBytes.length);
      call.reply.nil();
      call.reply.integer(pubsub.count(call.client, kind));
    }
    call.host.subscriptionsChanged(call.client);
  };
}

const subscribe: ServiceCommand = command({
  name: 'subscribe',
  since: '2.0.0',
  group: 'pubsub',
  arity: -2,
  flags: listening,
  args: [many(str('channel'))],
  summary: 'Listens to messages of channels.',
  complexity: 'O(N) where N is the number of channels to subscribe to.',
  run: subscribeTo('channels', 'subscribe'),
});

const unsubscribe: ServiceCommand = command({
  name: 'unsubscribe',
  since: '2.0.0',
  group: 'pubsub',
  arity: -1,
  flags: listening,
  args: [optional(many(str('channel')))],
  summary: 'Stops listening to some or all channels.',
  complexity: 'O(N) where N is the number of channels to unsubscribe.',
  run: unsubscribeFrom('channels', 'unsubscribe'),
});

const psubscribe: ServiceCommand = command({
  name: 'psubscribe',
  since: '2.0.0',
  group: 'pubsub',
  arity: -2,
  flags: listening,
  args: [many(pattern('pattern'))],
  summary: 'Listens to messages of all channels that match patterns.',
  complexity: 'O(N) where N is the number of patterns to subscribe to.',
  run: subscribeTo('patterns', 'psubscribe'),
});

const punsubscribe: ServiceCommand = command({
  name: 'punsubscribe',
  since: '2.0.0',
  group: 'pubsub',
  arity: -1,
  flags: listening,
  args: [optional(many(pattern('pattern')))],
  summary: 'Stops listening to some or all patterns.',
  complexity: 'O(N) where N is the number of patterns to unsubscribe.',
  run: unsubscribeFrom('patterns', 'punsubscribe'),
});

const ssubscribe: ServiceCommand = command({
  name: 'ssubscribe',
  since: '7.0.0',
  group: 'pubsub',
  arity: -2,
  flags: shardListening,
  args: [many(str('shardchannel'))],
  keys: shardKeys,
  summary: 'Listens to messages of shard channels.',
  complexity: 'O(N) where N is the number of shard channels to subscribe to.',
  run: subscribeTo('shardChannels', 'ssubscribe'),
});

const sunsubscribe: ServiceCommand = command({
  name: 'sunsubscribe',
  since: '7.0.0',
  group: 'pubsub',
  arity: -1,
  flags: shardListening,
  args: [optional(many(str('shardchannel')))],
  keys: shardKeys,
  summary: 'Stops listening to some or all shard channels.',
  complexity: 'O(N) where N is the number of shard channels to unsubscribe.',
  run: unsubscribeFrom('shardChannels', 'sunsubscribe'),
});

/** Delivers a message here and takes care that it gets to the other servers: over the bus of a cluster, or to the replicas. */
function publishFor(call: ServiceCall, sharded: boolean): void {
  const { pubsub } = call.host;
  const channel = call.copy(1);
  const payload = call.copy(2);
  const count = sharded ? pubsub.publishShard(channel, payload) : pubsub.publish(channel, payload);
  if (pubsub.relay === undefined) call.host.forwardToReplicas(call);
  else pubsub.relay(sharded, channel, payload);
  call.reply.integer(count);
}

const publish: ServiceCommand = command({
  name: 'publish',
  since: '2.0.0',
  group: 'pubsub',
  arity: 3,
  flags: ['pubsub', 'loading', 'stale', 'fast', 'may_replicate', 'sentinel'],
  args: [str('channel'), str('message')],
  summary: 'Sends a message to a channel.',
  complexity:
    'O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).',
  run(call) {
    publishFor(call, false);
  },
});

const spublish: ServiceCommand = command({
  name: 'spublish',
  since: '7.0.0',
  group: 'pubsub',
  arity: 3,
  flags: ['pubsub', 'loading', 'stale', 'fast', 'may_replicate'],
  args: [str('shardchannel'), str('message')],
  keys: [{ flags: ['not_key'], begin: { index: 1 }, find: { last: 0, step: 1, limit: 0 } }],
  summary: 'Sends a message to a shard channel.',
  complexity: 'O(N) where N is the number of clients subscribed to the receiving shard channel.',
  run(call) {
    publishFor(call, true);
  },
});

function replyActive(call: ServiceCall, kind: 'channels' | 'shardChannels'): void {
  if (call.count > 3) {
    unknownSubcommand(call, 'PUBSUB');
    return;
  }
  let names = call.host.pubsub.activeNames(kind);
  if (call.count === 3) {
    const wanted = call.copy(2);
    names = names.filter((each) => globMatches(wanted, each));
  }
  call.reply.array(names.length);
  for (const each of names) call.reply.bulk(each, 0, each.length);
}

function replyCounts(call: ServiceCall, kind: 'channels' | 'shardChannels'): void {
  call.reply.array(2 * (call.count - 2));
  for (let index = 2; index < call.count; index++) {
    call.replyArgument(index);
    call.reply.integer(call.host.pubsub.subscriberCountOf(kind, call.copy(index)));
  }
}

const pubsub: ServiceCommand = command({
  name: 'pubsub',
  since: '2.8.0',
  group: 'pubsub',
  arity: -2,
  flags: [],
  summary: 'Tells about subscriptions.',
  complexity: 'Depends on subcommand.',
  subcommands: [
    {
      name: 'channels',
      since: '2.8.0',
      group: 'pubsub',
      arity: -2,
      flags: asking,
      args: [optional(pattern('pattern'))],
      summary: 'Returns the channels that somebody listens to.',
      complexity:
        'O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)',
      run: (call) => replyActive(call, 'channels'),
    },
    {
      name: 'numsub',
      since: '2.8.0',
      group: 'pubsub',
      arity: -2,
      flags: asking,
      args: [optional(many(str('channel')))],
      summary: 'Returns how many clients listen to channels.',
      complexity: 'O(N) for the NUMSUB subcommand, where N is the number of requested channels',
      run: (call) => replyCounts(call, 'channels'),
    },
    {
      name: 'numpat',
      since: '2.8.0',
      group: 'pubsub',
      arity: 2,
      flags: asking,
      summary: 'Returns how many different patterns are listened to.',
      complexity: 'O(1)',
      run: (call) => call.reply.integer(call.host.pubsub.patternCount),
    },
    {
      name: 'shardchannels',
      since: '7.0.0',
      group: 'pubsub',
      arity: -2,
      flags: asking,
      args: [optional(pattern('pattern'))],
      summary: 'Returns the shard channels that somebody listens to.',
      complexity:
        'O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).',
      run: (call) => replyActive(call, 'shardChannels'),
    },
    {
      name: 'shardnumsub',
      since: '7.0.0',
      group: 'pubsub',
      arity: -2,
      flags: asking,
      args: [optional(many(str('shardchannel')))],
      summary: 'Returns how many clients listen to shard channels.',
      complexity: 'O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels',
      run: (call) => replyCounts(call, 'shardChannels'),
    },
    {
      name: 'help',
      since: '6.2.0',
      group: 'pubsub',
      leavesGroup: true,
      arity: 2,
      flags: ['loading', 'stale'],
      summary: 'Tells about the subcommands.',
      complexity: 'O(1)',
      run: (call) =>
        replyHelp(call, 'PUBSUB', [
          ['CHANNELS [<pattern>]', "Return the currently active channels matching a <pattern> (default: '*')."],
          ['NUMPAT', 'Return number of subscriptions to patterns.'],
          [
            'NUMSUB [<channel> ...]',
            'Return the number of subscribers for the specified channels, excluding',
            'pattern subscriptions(default: no channels).',
          ],
          [
            'SHARDCHANNELS [<pattern>]',
            "Return the currently active shard level channels matching a <pattern> (default: '*').",
          ],
          [
            'SHARDNUMSUB [<shardchannel> ...]',
            'Return the number of subscribers for the specified shard level channel(s)',
          ],
        ]),
    },
  ],
});

export const pubsubCommands: readonly ServiceCommand[] = [
  subscribe,
  unsubscribe,
  psubscribe,
  punsubscribe,
  ssubscribe,
  sunsubscribe,
  publish,
  spublish,
  pubsub,
];
