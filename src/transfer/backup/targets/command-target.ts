// command-target: backups where four commands bring, fetch, list and remove them: scp, sftp, rclone, a tape robot.
//
//   put     {file} is the local file, {name} the name of the backup
//   get     the same, the other way round
//   list    prints the names, one a line; what else is on a line comes before the name (`ls -l` will do)
//   remove  {name}

import { createReadStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../program/options.js';
import { filled, runShell } from '../shell.js';
import type { StoredFile, Target } from './target.js';

export interface Commands {
  readonly put: string | undefined;
  readonly get: string | undefined;
  readonly list: string | undefined;
  readonly remove: string | undefined;
}

export class CommandTarget implements Target {
  readonly name = 'command';

  constructor(
    private readonly commands: Commands,
    private readonly workFolder: string,
  ) {}

  can(what: keyof Commands): boolean {
    return this.commands[what] !== undefined;
  }

  private command(what: keyof Commands): string {
    const command = this.commands[what];
    if (command === undefined) throw new UsageError(`the target 'command' needs --${what}-command for that`);
    return command;
  }

  async list(): Promise<StoredFile[]> {
    const output = await runShell(this.command('list'));
    const names = output.split('\n').map((line) =>
      line
        .trim()
        .split(/[\s/]+/)
        .pop()!,
    );
    return names.filter((name) => name !== '').map((name) => ({ name, bytes: undefined }));
  }

  async put(path: string, name: string): Promise<void> {
    await runShell(filled(this.command('put'), { file: path, name }));
  }

  async *read(name: string): AsyncGenerator<Uint8Array, void> {
    const file = join(this.workFolder, `.${name}.${process.pid}.got.part`);
    try {
      await runShell(filled(this.command('get'), { file, name }));
      yield* createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>;
    } finally {
      rmSync(file, { force: true });
    }
  }

  async remove(name: string): Promise<void> {
    await runShell(filled(this.command('remove'), { name }));
  }

  sweep(): Promise<string[]> {
    return Promise.resolve([]);
  }
}
