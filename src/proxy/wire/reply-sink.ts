// reply-sink: the receiver of the reply to a request that went to a backend.
//
// `tag` is the number that the asker gave with the request, so that one object can wait for many replies.

export interface ReplySink {
  /** The whole reply, from `from` to before `to`; void after the call. */
  takeReply(tag: number, bytes: Uint8Array, from: number, to: number): void;
  /**
   * Part of a long reply that is not all there. False: nothing was taken, the reply is wanted whole. Further parts follow
   * until `isLast`.
   */
  takePart(tag: number, bytes: Uint8Array, from: number, to: number, isFirst: boolean, isLast: boolean): boolean;
  /**
   * No reply will come; `text` is an error for the client, without the '-'. `wasSent`: the backend may have run the request.
   */
  takeFailure(tag: number, text: string, wasSent: boolean): void;
}
