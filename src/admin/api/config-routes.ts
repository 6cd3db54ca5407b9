// config-routes: a server's configuration with help, defaults, and marks at what was changed.
import { isAggregate, isError, replyText } from '../../client/reply.js';
import type { AdminContext } from '../admin-context.js';
import { refuseLimited } from '../access/roles.js';
import { ApiError } from '../api-error.js';
import { isSecretDirective } from '../../service/config/secret-directive.js';
import type { Route, Visit } from '../http/route.js';
import { configWords } from './config-words.js';

export function configRoutes(admin: AdminContext): Route[] {
  return [
    { method: 'GET', path: '/api/servers/:id/config', role: 'operator', run: (visit) => readConfig(admin, visit) },
  ];
}

async function readConfig(admin: AdminContext, visit: Visit): Promise<unknown> {
  refuseLimited(visit);
  const link = admin.link(visit, visit.params.id!);
  const reply = await link.call(0, ['CONFIG', 'GET', '*']);
  if (isError(reply)) throw new ApiError('server-error', replyText(reply));
  if (!isAggregate(reply)) throw new ApiError('server-error', 'The server does not reply to CONFIG GET as expected.');
  const known = configWords((await link.ask()).product);
  const settings: unknown[] = [];
  for (let index = 0; index + 1 < reply.elements.length; index += 2) {
    const name = replyText(reply.elements[index]);
    const value = replyText(reply.elements[index + 1]);
    const about = known.get(name);
    settings.push({
      name,
      value: isSecretDirective(name) && value !== '' ? '(secret)' : value,
      isSecret: isSecretDirective(name),
      ...about,
      isChanged: about?.initial !== undefined && about.initial !== value,
    });
  }
  return { settings };
}
