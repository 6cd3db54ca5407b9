// cluster-nodes: CLUSTER MEET, FORGET, REPLICATE, FAILOVER and RESET: what changes which nodes there are and what they are.

import { errors } from '../../protocol/errors.js';
import { type ClusterRun, refuseSyntax, replyDone, unknownNode, isSecure } from './cluster-host.js';

export const meet: ClusterRun = (call, cluster) => {
  if (call.count > 5) {
    refuseSyntax(call);
    return;
  }
  const port = call.integer(3);
  const busPort = call.count === 5 ? call.integer(4) : 0;
  if (Number.isNaN(port)) call.reply.error(`ERR Invalid TCP base port specified: ${call.shown(3)}`);
  else if (Number.isNaN(busPort)) call.reply.error(`ERR Invalid TCP bus port specified: ${call.shown(4)}`);
  else replyDone(call, cluster.meet(call.text(2), port, busPort));
};

export const forget: ClusterRun = (call, cluster) => replyDone(call, cluster.forget(call.text(2)));

export const replicate: ClusterRun = (call, cluster) => {
  if (call.count !== 3) refuseSyntax(call);
  else replyDone(call, cluster.replicate(call.text(2)));
};

export const failover: ClusterRun = (call, cluster) => {
  if (call.count > 3) refuseSyntax(call);
  else if (call.count === 2) replyDone(call, cluster.failover('plain'));
  else if (call.is(2, 'force')) replyDone(call, cluster.failover('force'));
  else if (call.is(2, 'takeover')) replyDone(call, cluster.failover('takeover'));
  else call.reply.error(errors.syntax);
};

export const reset: ClusterRun = (call, cluster) => {
  if (call.count > 3) refuseSyntax(call);
  else if (call.count === 3 && !call.is(2, 'hard') && !call.is(2, 'soft')) call.reply.error(errors.syntax);
  else replyDone(call, cluster.reset(call.count === 3 && call.is(2, 'hard')));
};

export const bumpEpoch: ClusterRun = (call, cluster) => {
  const { isBumped, epoch } = cluster.bumpEpoch();
  call.reply.simple(`${isBumped ? 'BUMPED' : 'STILL'} ${epoch}`);
};

export const setConfigEpoch: ClusterRun = (call, cluster) => {
  const epoch = call.integer(2);
  if (Number.isNaN(epoch)) call.reply.error(errors.notInteger);
  else if (epoch < 0) call.reply.error(`ERR Invalid config epoch specified: ${epoch}`);
  else replyDone(call, cluster.setConfigEpoch(epoch));
};

export const saveConfig: ClusterRun = (call, cluster) => replyDone(call, cluster.saveConfig());

export const countFailureReports: ClusterRun = (call, cluster) => {
  const node = cluster.node(call.text(2));
  if (node === undefined) call.reply.error(unknownNode(call, 2));
  else call.reply.integer(cluster.failureReportCount(node));
};

export const replicas: ClusterRun = (call, cluster) => {
  const node = cluster.node(call.text(2));
  if (node === undefined) call.reply.error(unknownNode(call, 2));
  else if (node.isReplica) call.reply.error('ERR The specified node is not a master');
  else {
    call.reply.array(node.replicas.length);
    for (const replica of node.replicas) call.reply.bulkText(cluster.nodeLine(replica, isSecure(call)));
  }
};
