// constructs: each construct of Lua as one script, timed in both servers by turns.
//
// The figure is the processor time of the thread that runs scripts, in the best of several runs: wall time would
// include other processes of the machine.
import { readFileSync } from 'node:fs';
import { Connection } from '../../src/client/connection.js';
import { isAggregate, replyText } from '../../src/client/reply.js';
import { log, marked, type Section } from './report.js';
import { constructs } from './script-constructs.js';
import { type BenchServer, kinds, type ServerKind, startServer } from './servers.js';

const GOAL = 1.5;
const RUNS_OF_ROUND = 2;

interface Side {
  readonly kind: ServerKind;
  readonly server: BenchServer;
  readonly connection: Connection;
}

/** Processor time that the process's first thread has used. */
function threadMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
}

async function timed(side: Side, source: string): Promise<{ ms: number; reply: string }> {
  const startMs = threadMs(side.server.pid);
  const reply = await side.connection.call('EVAL', source, '0');
  const ms = threadMs(side.server.pid) - startMs;
  return { ms, reply: reply.kind === 'error' || !isAggregate(reply) ? replyText(reply) : '' };
}

/** The best times of each construct whose name contains `wanted`, redis-server's first. */
export async function timeConstructs(rounds: number, wanted: string): Promise<Map<string, Record<ServerKind, number>>> {
  const times = new Map<string, Record<ServerKind, number>>();
  const sides: Side[] = [];
  try {
    for (const kind of kinds) {
      const server = await startServer(kind);
      sides.push({ kind, server, connection: await Connection.open({ host: '127.0.0.1', port: server.port }) });
    }
    for (const [name, source] of Object.entries(constructs)) {
      if (!name.includes(wanted)) continue;
      const best: Record<ServerKind, number> = { redis: Infinity, kvasir: Infinity };
      const replies: Partial<Record<ServerKind, string>> = {};
      for (let run = 0; run < rounds * RUNS_OF_ROUND; run++) {
        for (const side of sides) {
          const { ms, reply } = await timed(side, source);
          best[side.kind] = Math.min(best[side.kind], ms);
          replies[side.kind] = reply;
        }
      }
      if (replies.redis !== replies.kvasir) {
        throw new Error(`${name}: redis-server replies ${replies.redis}, Kvasir ${replies.kvasir}`);
      }
      times.set(name, best);
      log(
        `scripts: ${name.padEnd(48)} ${best.redis.toFixed(1).padStart(8)} ${best.kvasir.toFixed(1).padStart(8)} ${(best.kvasir / best.redis).toFixed(2).padStart(6)}`,
      );
    }
  } finally {
    for (const { connection, server } of sides) {
      connection.close();
      await server.stop();
    }
  }
  return times;
}

export async function measureConstructs(rounds: number, wanted = ''): Promise<Section> {
  const times = await timeConstructs(rounds, wanted);
  const rows = [...times].map(
    ([name, { redis, kvasir }]) =>
      `| ${name} | ${redis.toFixed(1)} | ${kvasir.toFixed(1)} | ${marked(kvasir / redis, GOAL, 'most')} |`,
  );
  return {
    title: 'Constructs of Lua',
    command: 'npm run bench -- --only scripts',
    lines: [
      '| one EVAL, ms of processor time | redis | kvasir | ratio |',
      '|---|--:|--:|--:|',
      ...rows,
      '',
      `Processor time of the thread that runs scripts, the best of ${rounds * RUNS_OF_ROUND} runs by turns. Goal: no more than ${GOAL} times redis-server's time.`,
    ],
  };
}
