// response-output: an HTTP response as the output of a transfer, at the pace of who downloads.
import type { ServerResponse } from 'node:http';
import type { Output } from '../../transfer/program/output.js';

export class ResponseOutput implements Output {
  readonly name = 'the download';

  constructor(private readonly response: ServerResponse) {}

  /** Nobody reads any more. */
  get isGone(): boolean {
    return this.response.destroyed;
  }

  write(text: string | Uint8Array): boolean {
    if (!this.isGone) this.response.write(text);
    return this.isGone || typeof text === 'string';
  }

  async flush(): Promise<void> {
    if (!this.isGone && this.response.writableNeedDrain) await this.drained();
  }

  private drained(): Promise<void> {
    const { response } = this;
    return new Promise((resolve) => {
      const done = (): void => {
        response.removeListener('drain', done);
        response.removeListener('close', done);
        resolve();
      };
      response.once('drain', done);
      response.once('close', done);
    });
  }

  async finish(): Promise<void> {
    await this.flush();
    if (!this.isGone) this.response.end();
  }

  abandon(): void {
    this.response.destroy();
  }
}
