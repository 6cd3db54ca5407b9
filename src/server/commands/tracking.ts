// tracking: CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO: client-side caching, as clients ask for it.

import type { Client } from '../../service/clients/client.js';
import type { Tracking } from '../tracking.js';
import { errors } from '../../protocol/errors.js';
import { command } from '../../registry/command.js';
import { int, many, oneof, optional, str, token } from '../../registry/grammar.js';
import { firstOverlap } from '../prefix-overlap.js';
import type { CallFor, CommandFor } from '../call.js';
import type { TrackingOptions, TrackingState } from '../tracking.js';

/** The part of the server that these commands reach. */
export interface Host {
  readonly clients: ReadonlyMap<number, Client>;
  readonly tracking: Tracking;
  redirectionOf(client: Client): number;
}

type ServerCall = CallFor<Host>;
type ServerCommand = CommandFor<Host>;

const plain = ['noscript', 'loading', 'stale'] as const;
const facts = { group: 'connection', categories: ['connection'] } as const;

interface Wanted extends TrackingOptions {
  readonly prefixes: readonly string[];
}

/** Reads the options after ON or OFF; undefined after an error reply. */
function readOptions(call: ServerCall): Wanted | undefined {
  const prefixes: string[] = [];
  let redirection = 0;
  let [broadcasts, optIn, optOut, noLoop] = [false, false, false, false];
  for (let index = 3; index < call.count; index++) {
    const hasMore = index + 1 < call.count;
    if (call.is(index, 'redirect') && hasMore) {
      index++;
      if (redirection !== 0) {
        call.reply.error('ERR A client can only redirect to a single other client');
        return undefined;
      }
      redirection = call.integer(index);
      if (Number.isNaN(redirection)) {
        call.reply.error(errors.notInteger);
        return undefined;
      }
      if (!call.host.clients.has(redirection)) {
        call.reply.error('ERR The client ID you want redirect to does not exist');
        return undefined;
      }
    } else if (call.is(index, 'bcast')) broadcasts = true;
    else if (call.is(index, 'optin')) optIn = true;
    else if (call.is(index, 'optout')) optOut = true;
    else if (call.is(index, 'noloop')) noLoop = true;
    else if (call.is(index, 'prefix') && hasMore) prefixes.push(call.text(++index));
    else {
      call.reply.error(errors.syntax);
      return undefined;
    }
  }
  return { redirection, broadcasts, optIn, optOut, noLoop, prefixes };
}

/** Why the options do not go together, or not with what the client has already. */
function refuse(wanted: Wanted, state: TrackingState | undefined): string | undefined {
  const { broadcasts, optIn, optOut, prefixes } = wanted;
  const present = state?.options;
  if (!broadcasts && prefixes.length > 0) return 'PREFIX option requires BCAST mode to be enabled';
  if (present !== undefined && present.broadcasts !== broadcasts) {
    return "You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.";
  }
  if (broadcasts && (optIn || optOut)) return 'OPTIN and OPTOUT are not compatible with BCAST';
  if (optIn && optOut) return "You can't specify both OPTIN mode and OPTOUT mode";
  if (present !== undefined && ((optIn && present.optOut) || (optOut && present.optIn))) {
    return "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.";
  }
  return broadcasts ? refusePrefixes(prefixes, state?.prefixes ?? []) : undefined;
}

/** A key must belong to one prefix of a client at most. */
function refusePrefixes(wanted: readonly string[], present: readonly string[]): string | undefined {
  const overlap = firstOverlap(wanted, present);
  if (overlap === undefined) return undefined;
  const what = overlap.isPresent ? 'an existing' : 'another provided';
  return `Prefix '${overlap.prefix}' overlaps with ${what} prefix '${overlap.other}'. Prefixes for a single client must not overlap.`;
}

const tracking: ServerCommand = command({
  ...facts,
  name: 'tracking',
  since: '6.0.0',
  arity: -3,
  flags: plain,
  args: [
    oneof('status', token('ON'), token('OFF')),
    optional(int('client-id', { token: 'REDIRECT' })),
    optional({ ...many(str('prefix', { token: 'PREFIX' })), multipleToken: true }),
    optional(token('BCAST')),
    optional(token('OPTIN')),
    optional(token('OPTOUT')),
    optional(token('NOLOOP')),
  ],
  complexity: 'O(1). Some options may introduce additional complexity.',
  summary: 'Tells the connection when keys that it has read change.',
  run(call: ServerCall) {
    const { host, client } = call;
    const wanted = readOptions(call);
    if (wanted === undefined) return;
    if (call.is(2, 'off')) host.tracking.disable(client);
    else if (!call.is(2, 'on')) {
      call.reply.error(errors.syntax);
      return;
    } else {
      const { prefixes, ...options } = wanted;
      const refusal = refuse(wanted, host.tracking.of(client));
      if (refusal !== undefined) {
        call.reply.error(`ERR ${refusal}`);
        return;
      }
      host.tracking.enable(client, options, prefixes);
    }
    call.reply.ok();
  },
});

const caching: ServerCommand = command({
  ...facts,
  name: 'caching',
  since: '6.0.0',
  arity: 3,
  flags: plain,
  args: [oneof('mode', token('YES'), token('NO'))],
  complexity: 'O(1)',
  summary: 'Decides whether the keys of the next command are tracked.',
  run(call: ServerCall) {
    const state = call.host.tracking.of(call.client);
    if (state === undefined) {
      call.reply.error(
        'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
      );
      return;
    }
    const yes = call.is(2, 'yes');
    if (!yes && !call.is(2, 'no')) call.reply.error(errors.syntax);
    else if (yes && !state.options.optIn)
      call.reply.error('ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.');
    else if (!yes && !state.options.optOut)
      call.reply.error('ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.');
    else {
      state.caching = true;
      call.reply.ok();
    }
  },
});

const getredir: ServerCommand = command({
  ...facts,
  name: 'getredir',
  since: '6.0.0',
  arity: 2,
  flags: plain,
  complexity: 'O(1)',
  summary: 'Returns the number of the connection that gets the messages of tracking.',
  run: (call: ServerCall) => call.reply.integer(call.host.redirectionOf(call.client)),
});

/** The words of TRACKINGINFO for a client's mode of tracking. */
function flagNames(state: TrackingState | undefined): string[] {
  if (state === undefined) return ['off'];
  const { options, caching: spoken } = state;
  const names = ['on'];
  if (options.broadcasts) names.push('bcast');
  if (options.optIn) names.push('optin', ...(spoken ? ['caching-yes'] : []));
  if (options.optOut) names.push('optout', ...(spoken ? ['caching-no'] : []));
  if (options.noLoop) names.push('noloop');
  if (state.isBroken) names.push('broken_redirect');
  return names;
}

const trackinginfo: ServerCommand = command({
  ...facts,
  name: 'trackinginfo',
  since: '6.2.0',
  arity: 2,
  flags: plain,
  complexity: 'O(1)',
  summary: 'Returns how the connection tracks keys.',
  run(call: ServerCall) {
    const { reply, host, client } = call;
    const state = host.tracking.of(client);
    reply.map(3);
    reply.bulkText('flags');
    const names = flagNames(state);
    reply.set(names.length);
    for (const name of names) reply.bulkText(name);
    reply.bulkText('redirect');
    reply.integer(host.redirectionOf(client));
    reply.bulkText('prefixes');
    const prefixes = state?.prefixes ?? [];
    reply.array(prefixes.length);
    for (const prefix of prefixes) {
      const bytes = Buffer.from(prefix, 'latin1');
      reply.bulk(bytes, 0, bytes.length);
    }
  },
});

export const trackingSubcommands: readonly ServerCommand[] = [caching, getredir, tracking, trackinginfo];
