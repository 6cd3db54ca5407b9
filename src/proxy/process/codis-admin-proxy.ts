// codis-admin-proxy: `kvasir-codis admin --proxy=ADDR`: reads and changes one proxy.
import { readFileSync } from 'node:fs';
import { callApi, pathOf } from '../doors/http-client.js';
import { encode, type ProxyEntry } from '../codis/dashboard/models.js';
import { xauthOf } from '../codis/identity.js';
import { readSlots } from '../codis/proxy-api.js';

const TIMEOUT_MS = 30_000;

export async function adminProxy(
  values: ReadonlyMap<string, string>,
  words: readonly string[],
  print: (text: string) => void,
): Promise<void> {
  const address = values.get('proxy')!;
  const model = (await callApi('GET', address, '/api/proxy/model', undefined, TIMEOUT_MS)) as ProxyEntry;
  const xauth = xauthOf(model.product_name, values.get('auth') ?? '', model.token);
  const put = (action: readonly string[], body?: unknown): Promise<unknown> =>
    callApi('PUT', address, pathOf('api', 'proxy', ...action), body, TIMEOUT_MS);
  if (values.has('start')) await put(['start', xauth]);
  else if (values.has('shutdown')) await put(['shutdown', xauth]);
  else if (values.has('log-level')) await put(['loglevel', xauth, values.get('log-level')!]);
  else if (values.has('reset-stats')) await put(['stats', 'reset', xauth]);
  else if (values.has('forcegc')) await put(['forcegc', xauth]);
  else if (values.has('fillslots')) {
    const slots = readSlots(readFileSync(values.get('fillslots')!, 'utf8'));
    await put(['fillslots', xauth], values.has('locked') ? slots.map((slot) => ({ ...slot, locked: true })) : slots);
  } else {
    const overview = (await callApi('GET', address, '/proxy', undefined, TIMEOUT_MS)) as Record<string, unknown>;
    const [word] = words;
    print(encode(word === undefined ? overview : overview[word]));
  }
}
