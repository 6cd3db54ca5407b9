// codis-routes: the groups, slots and proxies of a codis, by the dashboard that an entry of the list names; and their changes.
import type { AdminContext } from '../admin-context.js';
import { refuseLimited } from '../access/roles.js';
import { ApiError } from '../api-error.js';
import type { Route, Visit } from '../http/route.js';
import type { Input } from '../input.js';
import { changeCodis, type CodisChange, readCodis } from '../link/codis-dashboard.js';

const addressPattern = /^[\w.:[\]-]{1,255}:\d{1,5}$/;
const groupMax = 9999;
const slotLast = 1023;
const changes = [
  'move',
  'rebalance',
  'pause',
  'resume',
  'add-group',
  'remove-group',
  'resync-group',
  'add-server',
  'remove-server',
  'promote',
] as const;

export function codisRoutes(admin: AdminContext): Route[] {
  return [
    {
      method: 'GET',
      path: '/api/servers/:id/codis',
      role: 'viewer',
      run: (visit) => {
        refuseLimited(visit);
        return readCodis(dashboardOf(admin, visit));
      },
    },
    { method: 'POST', path: '/api/servers/:id/codis', role: 'operator', run: (visit) => change(admin, visit) },
  ];
}

function dashboardOf(admin: AdminContext, visit: Visit): string {
  const { codisDashboard } = admin.entry(visit, visit.params.id!);
  if (codisDashboard === undefined) throw new ApiError('not-found', 'This server has no dashboard of codis.');
  return codisDashboard;
}

async function change(admin: AdminContext, visit: Visit): Promise<unknown> {
  const { input } = visit;
  refuseLimited(visit);
  const dashboard = dashboardOf(admin, visit);
  const entry = admin.entry(visit, visit.params.id!);
  const command = input.choice('command', changes);
  const words = wordsOf(command, input);
  // A rebalance that is not confirmed tells its plan and changes nothing.
  const isPlan = command === 'rebalance' && input.flag('plan');
  if (!isPlan) {
    if (admin.parts.isReadOnly || entry.readOnly === true)
      throw new ApiError(
        'read-only',
        `${entry.name} is marked as read-only, or this program was started with --read-only.`,
      );
    admin.checkTyped(entry, 'This changes the codis', input.optionalText('confirm', 200));
  }
  const detail = words.filter((word) => word !== ':xauth').join(' ');
  try {
    const result = await changeCodis(dashboard, words);
    if (!isPlan) admin.record(visit, entry, `codis ${command}`, 'ok', { detail });
    return { result };
  } catch (error) {
    if (!isPlan) admin.record(visit, entry, `codis ${command}`, (error as Error).message, { detail });
    throw error;
  }
}

function wordsOf(command: (typeof changes)[number], input: Input): CodisChange {
  const group = (): number => input.integer('group', 1, groupMax);
  const server = (): string => {
    const address = input.text('server', { max: 300 });
    if (!addressPattern.test(address)) throw new ApiError('bad-input', 'The server must be host:port.');
    return address;
  };
  switch (command) {
    case 'move': {
      const first = input.integer('first', 0, slotLast);
      return ['slots', 'action', 'create-range', ':xauth', first, input.integer('last', first, slotLast), group()];
    }
    case 'rebalance':
      return ['slots', 'rebalance', ':xauth', input.flag('plan') ? 0 : 1];
    case 'pause':
    case 'resume':
      return ['slots', 'action', 'disabled', ':xauth', command === 'pause' ? 1 : 0];
    case 'add-group':
      return ['group', 'create', ':xauth', group()];
    case 'remove-group':
      return ['group', 'remove', ':xauth', group()];
    case 'resync-group':
      return ['group', 'resync', ':xauth', group()];
    case 'add-server':
      return ['group', 'add', ':xauth', group(), server()];
    case 'remove-server':
      return ['group', 'del', ':xauth', group(), server()];
    case 'promote':
      return ['group', 'promote', ':xauth', group(), server()];
  }
}
