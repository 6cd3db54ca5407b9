// preparation: work that must end before a request may run: fetching its keys, or exchanging its server.
//
// The dispatcher asks before each request with keys. Where something is left to do, the client's requests wait for it, and then the
// request is looked at again.

export interface Preparation {
  /** Undefined when the request may run now; else it may when this resolves. A rejection is the request's error. */
  prepare(databaseIndex: number, keys: readonly Uint8Array[], isWrite: boolean): Promise<void> | undefined;
  /** For a request without keys. */
  prepareAll?(): Promise<void> | undefined;
}
