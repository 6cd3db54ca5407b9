// The bundle for browsers: in a world that has what pages have and nothing of Node, and in Chromium itself.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { createServer, type TestServerOptions, virtualClock } from '../../src/testing/index.js';
import { findProgram } from '../peer.js';

const bundle = 'dist/bundle/browser.js';

/** A page's session with a server; evaluated where `startServer` and `virtualClock` are known. Resolves to JSON. */
const program = `async () => {
  const said = [];
  const server = await startServer({ seed: 7, fixtures: { greeting: 'hello', user: { name: 'Ann' }, list: ['a', 'b'] } });
  const { readable, writable } = server.connect();
  const reader = readable.getReader();
  const writer = writable.getWriter();
  const ask = async (text, length) => {
    await writer.write(new TextEncoder().encode(text));
    let reply = '';
    while (reply.length < length) reply += new TextDecoder().decode((await reader.read()).value);
    return reply;
  };
  said.push(await ask('SET k v\\r\\nGET k\\r\\n', 12));
  said.push(await ask('BLPOP none 0.01\\r\\n', 5));
  const pipeline = Array.from({ length: 2000 }, (_, index) => 'SET key:' + index + ' value\\r\\n').join('');
  said.push((await ask(pipeline, 10000)).length);
  said.push(server.run('DBSIZE'));
  said.push(server.run('EVAL', "local t = {} for i = 1, 100 do t[i] = redis.call('incr', KEYS[1]) end return t[100]", 1, 'n'));
  said.push(server.run('EVAL', "return {redis.sha1hex(ARGV[1]), redis.sha1hex(string.rep('x', 10000)), cjson.encode({1, 2}), cmsgpack.unpack(cmsgpack.pack('ü'))}", 0, 'abc'));
  said.push(server.run('ZADD', 'z', 1.5, 'one', 2, 'two'), server.run('ZRANGE', 'z', 0, -1, 'WITHSCORES'));
  said.push(server.run('XADD', 'events', '1-1', 'type', 'click'), server.run('XRANGE', 'events', '-', '+'));
  said.push(server.run('SETBIT', 'bits', 70000, 1), server.run('BITCOUNT', 'bits'), server.run('BITPOS', 'bits', 1));
  said.push(server.run('PFADD', 'hll', 'a', 'b', 'c'), server.run('PFCOUNT', 'hll'));
  said.push(server.run('GEOADD', 'geo', 13.361389, 38.115556, 'Palermo'), server.run('GEOHASH', 'geo', 'Palermo'));
  said.push(server.run('ACL', 'SETUSER', 'ann', 'on', '>secret', '~*', '+@all'), server.run('ACL', 'WHOAMI'));
  said.push(await ask('AUTH ann secret\\r\\nACL WHOAMI\\r\\nAUTH ann wrong\\r\\n', 70));
  said.push(server.run('FUNCTION', 'LOAD', "#!lua name=lib\\nredis.register_function('f', function() return 7 end)"), server.run('FCALL', 'f', 0));
  said.push(server.run('SET', 'float', '3.25'), server.run('INCRBYFLOAT', 'float', '1.1'));
  server.run('SADD', 'set', ...Array.from({ length: 300 }, (_, index) => 'member:' + index));
  said.push(server.run('SRANDMEMBER', 'set', 3));
  said.push(server.run('SAVE'), server.run('LASTSAVE') > 1e9);
  const snapshot = server.snapshot();
  server.flush();
  said.push(server.run('DBSIZE'));
  server.restore(snapshot);
  said.push(server.run('DBSIZE'), Object.keys(server.dump()['0']).length);
  for (const section of ['server', 'memory', 'stats', 'everything']) said.push(server.run('INFO', section).length > 100);
  for (const command of ['NOSUCH', 'INCR list', 'GET', 'CONFIG SET maxmemory lots'])
    try {
      said.push(server.run(...command.split(' ')));
    } catch (error) {
      said.push(error.message);
    }
  const clock = virtualClock({ frozen: true });
  const later = await startServer({ clock });
  later.run('SET', 'a', 'b', 'EX', 60);
  clock.advance('61s');
  said.push(later.run('GET', 'a'));
  await writer.close();
  while (!(await reader.read()).done);
  await later.close();
  await server.close();
  return JSON.stringify(said);
}`;

type Program = (run: { startServer: unknown; virtualClock: unknown }) => Promise<string>;

/** The result of the same program with the same server in Node. */
async function expected(): Promise<string> {
  // Nothing of a server without a port keeps a process alive.
  const alive = setInterval(() => undefined, 1000);
  const startServer = async (options: TestServerOptions): Promise<object> => {
    const server = await createServer({ ...options, port: false });
    return Object.assign(Object.create(server) as object, { connect: () => Duplex.toWeb(server.connect()) });
  };
  const made = new Function('startServer', 'virtualClock', `return (${program})()`) as (
    ...known: unknown[]
  ) => Promise<string>;
  try {
    return await made(startServer, virtualClock);
  } finally {
    clearInterval(alive);
  }
}

describe('the bundle for browsers', () => {
  it('needs nothing of Node, and says what the server in Node says', async () => {
    // The globals of pages; a new context has only those of the language.
    const page = {
      TextEncoder,
      TextDecoder,
      MessageChannel,
      ReadableStream,
      WritableStream,
      URL,
      atob,
      btoa,
      console,
      crypto,
      performance,
      setTimeout: (run: () => void, ms: number) => Number(setTimeout(run, ms)),
      clearTimeout,
      queueMicrotask,
    };
    const context = createContext(page);
    const text = readFileSync(bundle, 'utf8');
    const end = /^export const \{.*\} = (load\(.*\));\n$/m.exec(text);
    assert.ok(end !== null, 'the bundle ends with its exports');
    const script = `(() => { ${text.slice(0, end.index)}; return ${end[1]}; })()`;
    const made = runInContext(`({ startServer, virtualClock }) => (${program})()`, context) as Program;
    const exported = runInContext(script, context, { filename: bundle }) as Parameters<Program>[0];
    assert.deepEqual(JSON.parse(await made(exported)), JSON.parse(await expected()));
  });

  const chromium = findProgram('chromium');
  const skip = chromium === undefined ? 'chromium is not on the PATH' : false;
  if (skip !== false && process.env.CI === 'true') throw new Error(`CI needs chromium`);
  it('serves in Chromium', { skip, timeout: 600_000 }, async (t) => {
    const page = `<!doctype html><meta charset="utf-8" /><script type="module">
      import { startServer, virtualClock } from '/browser.js';
      window.said = (${program})().catch((error) => String(error.stack));
    </script>`;
    const web = createHttpServer((request, response) => {
      const isBundle = request.url === '/browser.js';
      response.setHeader('content-type', isBundle ? 'text/javascript' : 'text/html');
      response.end(isBundle ? readFileSync(bundle) : page);
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    t.after(() => web.close());
    const { chromium: launcher } = await import('playwright-core');
    const browser = await launcher.launch({ executablePath: chromium!, args: ['--no-sandbox'] });
    t.after(() => browser.close());
    const tab = await browser.newPage();
    const failures: string[] = [];
    tab.on('pageerror', (error) => failures.push(error.message));
    await tab.goto(`http://127.0.0.1:${(web.address() as AddressInfo).port}/`);
    const said = await tab.evaluate('window.said');
    assert.deepEqual(failures, []);
    assert.deepEqual(JSON.parse(String(said)), JSON.parse(await expected()));
  });
});
