// session-routes: login, logout, and the setup of the first user.
import { randomBytes } from 'node:crypto';
import { openNode, LoginError } from '../../client/open-node.js';
import { parseAddress } from '../../transfer/link/address.js';
import { passwordMatches } from '../access/password.js';
import { SESSION_COOKIE, type Session } from '../access/sessions.js';
import type { AdminContext } from '../admin-context.js';
import { ApiError } from '../api-error.js';
import type { RequestContext, Route } from '../http/route.js';

export function sessionRoutes(admin: AdminContext): Route[] {
  const { parts } = admin;
  return [
    {
      method: 'GET',
      path: '/api/hello',
      open: true,
      run: () => ({ needsSetup: parts.users.isEmpty, aclLogin: aclServers(admin) }),
    },
    { method: 'POST', path: '/api/setup', open: true, run: (context) => setUp(admin, context) },
    { method: 'POST', path: '/api/login', open: true, run: (context) => logIn(admin, context) },
    {
      method: 'GET',
      path: '/api/session',
      role: 'viewer',
      run: ({ session, rights }) => ({
        ...rights,
        csrfToken: session.csrfToken,
        readOnly: parts.isReadOnly,
        hasMonitor: parts.monitor !== undefined,
      }),
    },
    {
      method: 'POST',
      path: '/api/logout',
      role: 'viewer',
      run: ({ session, response }) => {
        parts.sessions.end(session);
        response.setHeader('Set-Cookie', `${SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0`);
        return {};
      },
    },
    {
      method: 'POST',
      path: '/api/password',
      role: 'viewer',
      run: async ({ session, rights, input, address }) => {
        const known = parts.users.find(session.user);
        if (known === undefined || session.rights !== undefined)
          throw new ApiError('forbidden', 'This password is the server’s.');
        const names = [`user ${session.user}`];
        refuseTooFast(admin, names);
        if (!(await passwordMatches(input.text('old', { max: 256 }), known.password))) {
          parts.limit.failed(names);
          throw new ApiError('bad-login', 'The old password is wrong.');
        }
        await parts.users.put(known.name, known, input.text('new', { max: 256 }));
        parts.sessions.endOf(known.name, session);
        admin.record({ session, rights, address }, undefined, 'change password', 'ok');
        return {};
      },
    },
  ];
}

function aclServers(admin: AdminContext): { id: string; name: string }[] | undefined {
  if (admin.parts.aclRole === undefined) return undefined;
  return admin.parts.servers.all.map(({ id, name }) => ({ id, name }));
}

function refuseTooFast(admin: AdminContext, names: readonly string[]): void {
  const waitMs = admin.parts.limit.waitMs(names);
  if (waitMs <= 0) return;
  const seconds = Math.ceil(waitMs / 1000);
  throw new ApiError('too-many-tries', `Too many failed logins: try again in ${seconds} s.`, seconds);
}

async function setUp(admin: AdminContext, context: RequestContext): Promise<unknown> {
  const { input, address } = context;
  const names = [`setup ${address}`];
  refuseTooFast(admin, names);
  const token = input.text('token', { max: 200 });
  if (!admin.parts.users.isEmpty) throw new ApiError('conflict', 'There are users already: log in.');
  // Compared by hashes of equal length would be no better: the token has 256 bits, and five tries are free.
  if (admin.setupToken === undefined || token !== admin.setupToken) {
    admin.parts.limit.failed(names);
    throw new ApiError('bad-login', 'The link is used up or wrong: the program prints a new one when it starts.');
  }
  const name = input.text('name', { max: 64 });
  admin.setupToken = undefined;
  try {
    await admin.parts.users.put(
      name,
      { role: 'admin', servers: ['*'], prefixes: [] },
      input.text('password', { max: 256 }),
    );
  } catch (error) {
    admin.setupToken = token;
    throw error;
  }
  admin.parts.audit.add({ user: name, address, action: 'set up the first user', result: 'ok' });
  return begin(admin, context, { user: name, serverLogin: undefined, rights: undefined });
}

async function logIn(admin: AdminContext, context: RequestContext): Promise<unknown> {
  const { input, address } = context;
  const name = input.text('name', { max: 64 });
  const password = input.text('password', { max: 256 });
  const serverId = input.optionalText('server', 64);
  const names = [`user ${serverId ?? ''} ${name}`, `address ${address}`];
  refuseTooFast(admin, names);
  // Counted as failed until it is right: tries at the same time must not all be free.
  admin.parts.limit.failed(names);
  try {
    const about =
      serverId === undefined ? await byFile(admin, name, password) : await byAcl(admin, serverId, name, password);
    admin.parts.limit.succeeded(names);
    admin.parts.audit.add({ user: about.rights?.name ?? name, address, action: 'log in', result: 'ok' });
    return begin(admin, context, about);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    admin.parts.audit.add({ user: name, address, action: 'log in', result: `refused: ${error.code}` });
    throw error;
  }
}

type About = Pick<Session, 'user' | 'serverLogin' | 'rights'>;

async function byFile(admin: AdminContext, name: string, password: string): Promise<About> {
  const user = admin.parts.users.find(name);
  if (!(await passwordMatches(password, user?.password)) || user === undefined)
    throw new ApiError('bad-login', 'The name or the password is wrong.');
  return { user: name, serverLogin: undefined, rights: undefined };
}

/** The server itself checks the name and the password, and every command of the session runs as that user. */
async function byAcl(admin: AdminContext, serverId: string, name: string, password: string): Promise<About> {
  const entry = admin.parts.servers.find(serverId);
  if (admin.parts.aclRole === undefined || entry === undefined)
    throw new ApiError('bad-login', 'The name or the password is wrong.');
  try {
    const { endpoint } = parseAddress(entry.nodes[0]!);
    const connection = await openNode({ ...endpoint, tls: entry.tls, timeoutMs: 5000 }, { user: name, password });
    connection.close();
  } catch (error) {
    if (error instanceof LoginError) throw new ApiError('bad-login', 'The name or the password is wrong.');
    throw new ApiError('unreachable', `${entry.name}: ${(error as Error).message}`);
  }
  const shown = `${name}@${entry.name}`;
  return {
    user: shown,
    serverLogin: { serverId, user: name, password },
    rights: { name: shown, role: admin.parts.aclRole, servers: [serverId], prefixes: [] },
  };
}

function begin(admin: AdminContext, { response, address }: RequestContext, about: About): unknown {
  const { cookie } = admin.parts.sessions.start({ ...about, address });
  const secure = admin.parts.isTls ? '; Secure' : '';
  response.setHeader('Set-Cookie', `${SESSION_COOKIE}=${cookie}; Path=/; HttpOnly; SameSite=Strict${secure}`);
  return {};
}

export function newSetupToken(): string {
  return randomBytes(32).toString('base64url');
}
