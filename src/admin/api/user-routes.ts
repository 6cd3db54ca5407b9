// user-routes: the users, their sessions and the audit log, for admins.
import { roles } from '../access/roles.js';
import type { AdminContext } from '../admin-context.js';
import { ApiError } from '../api-error.js';
import type { Route } from '../http/route.js';

export function userRoutes(admin: AdminContext): Route[] {
  const { users, sessions, audit, jobs } = admin.parts;
  const end = (name: string): void => {
    sessions.endOf(name);
    jobs.drop(name);
  };
  return [
    {
      method: 'GET',
      path: '/api/users',
      role: 'admin',
      run: () => ({
        users: users.all.map(({ name, role, servers, prefixes }) => ({ name, role, servers, prefixes })),
        sessions: sessions.all.map(({ id, user, address, createdMs, seenMs }) => ({
          id,
          user,
          address,
          createdMs,
          seenMs,
        })),
      }),
    },
    {
      method: 'POST',
      path: '/api/users',
      role: 'admin',
      run: async (visit) => {
        const { input, session } = visit;
        const name = input.text('name', { min: 1, max: 64 });
        const rights = {
          role: input.choice('role', roles),
          servers: input.texts('servers', 1000, 64),
          prefixes: input.texts('prefixes', 100, 1000).filter((prefix) => prefix !== ''),
        };
        if (rights.role === 'admin' && rights.prefixes.length > 0)
          throw new ApiError('bad-input', 'An admin cannot be limited to prefixes: give another role.');
        await users.put(name, rights, input.optionalText('password', 256));
        if (name !== session.user) end(name);
        admin.record(visit, undefined, 'set user', 'ok', { detail: `${name} ${rights.role}` });
        return {};
      },
    },
    {
      method: 'POST',
      path: '/api/users/:name/delete',
      role: 'admin',
      run: (visit) => {
        const name = visit.params.name!;
        users.remove(name);
        end(name);
        admin.record(visit, undefined, 'delete user', 'ok', { detail: name });
        return {};
      },
    },
    {
      method: 'POST',
      path: '/api/sessions/:id/end',
      role: 'admin',
      run: (visit) => {
        const ended = sessions.all.find(({ id }) => id === visit.params.id);
        if (ended === undefined) throw new ApiError('not-found', 'There is no such session.');
        sessions.end(ended);
        admin.record(visit, undefined, 'end session', 'ok', { detail: ended.user });
        return {};
      },
    },
    {
      method: 'GET',
      path: '/api/audit',
      role: 'admin',
      run: ({ query }) => {
        const before = Number(query.get('before') ?? Infinity);
        return { lines: audit.newest(200, Number.isNaN(before) ? Infinity : before) };
      },
    },
    { method: 'GET', path: '/api/audit/check', role: 'admin', run: () => audit.verify() },
  ];
}
