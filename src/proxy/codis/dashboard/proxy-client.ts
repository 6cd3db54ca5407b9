// proxy-client: the dashboard's requests to a proxy.
import { xauthOf } from '../identity.js';
import type { CodisSlot } from '../slot.js';
import { callApi, pathOf } from '../../doors/http-client.js';
import type { ProxyEntry, Sentinels } from './models.js';

/** A proxy that does not answer for so long has failed a step. */
const TIMEOUT_MS = 10_000;

export class ProxyClient {
  private readonly xauth: string;

  constructor(
    private readonly address: string,
    product: string,
    auth: string,
    token: string,
  ) {
    this.xauth = xauthOf(product, auth, token);
  }

  static async modelAt(address: string): Promise<ProxyEntry> {
    const model = await callApi('GET', address, '/api/proxy/model', undefined, TIMEOUT_MS);
    const { token } = (model ?? {}) as Partial<ProxyEntry>;
    if (typeof token !== 'string' || !/^[0-9A-Za-z]+$/.test(token)) throw new Error(`${address} is no codis proxy`);
    return model as ProxyEntry;
  }

  private put(words: readonly (string | number)[], body?: unknown): Promise<unknown> {
    return callApi('PUT', this.address, pathOf('api', 'proxy', ...words), body, TIMEOUT_MS);
  }

  async ping(): Promise<void> {
    await callApi('GET', this.address, pathOf('api', 'proxy', 'xping', this.xauth), undefined, TIMEOUT_MS);
  }

  async fill(slots: readonly CodisSlot[]): Promise<void> {
    await this.put(['fillslots', this.xauth], slots);
  }

  async start(): Promise<void> {
    await this.put(['start', this.xauth]);
  }

  async shutdown(): Promise<void> {
    await this.put(['shutdown', this.xauth]);
  }

  async setSentinels(sentinels: Sentinels): Promise<void> {
    await this.put(['sentinels', this.xauth], sentinels);
  }

  stats(timeoutMs: number): Promise<unknown> {
    // Flags 0: without commands and slots.
    return callApi('GET', this.address, pathOf('api', 'proxy', 'stats', this.xauth, '0'), undefined, timeoutMs);
  }
}
