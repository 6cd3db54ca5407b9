// recording: every command that a server ran, with its client, time and effect, for assertions on what a program did.
//
// "This request made two round trips": `recording.roundTrips` counts the times that a client waited for an answer, which is how
// often bytes came from a client that had got all its replies. Commands that a script or EXEC ran are listed with what ran them.

import { latin1 } from '../base/bytes.js';
import type { Part } from '../commands/engine.js';
import type { ServerCall } from '../server/call.js';
import type { EffectSink } from '../server/effects.js';
import type { DataServer } from '../server/server.js';
import type { RecordedCommand, Recording } from './test-kit.js';

export class CommandRecording implements Recording {
  readonly commands: RecordedCommand[] = [];
  private effects: string[] = [];
  private isOn = true;
  private readonly sink: EffectSink;
  private readonly stopWatching: () => void;
  private readonly readsAtStart: number;

  constructor(private readonly server: DataServer) {
    this.readsAtStart = server.activity.traffic().reads;
    this.sink = {
      bit: 1,
      wants: true,
      append: (_database, call) => this.effects.push(wordsOf(call).join(' ')),
      appendParts: (_database, parts) => this.noteEffect(parts),
    };
    server.effects.attach(this.sink);
    this.stopWatching = server.monitors.watch((call, database) => this.note(call as ServerCall, database));
  }

  private noteEffect(parts: readonly Part[]): void {
    const words = parts.map((part) => (part instanceof Uint8Array ? latin1(part) : String(part)));
    if (words[0] !== 'MULTI' && words[0] !== 'EXEC') this.effects.push(words.join(' '));
  }

  private note(call: ServerCall, database: number): void {
    const { client } = call;
    const words = wordsOf(call);
    const nameLength = call.command.parent === undefined ? 1 : 2;
    const shown = (index: number): string => latin1(this.server.shownArgument(call, index));
    this.commands.push({
      command: words.slice(0, nameLength).join(' ').toUpperCase(),
      args: words.slice(nameLength).map((_, index) => shown(index + nameLength)),
      clientId: client.id,
      clientName: client.name,
      database,
      atMs: this.server.nowMs(),
      effects: this.effects,
    });
    this.effects = [];
  }

  get roundTrips(): number {
    return this.server.activity.traffic().reads - this.readsAtStart;
  }

  of(command: string): readonly RecordedCommand[] {
    return this.commands.filter((recorded) => recorded.command === command.toUpperCase());
  }

  clear(): void {
    this.commands.length = 0;
  }

  stop(): void {
    if (!this.isOn) return;
    this.isOn = false;
    this.stopWatching();
    this.server.effects.detach(this.sink);
  }
}

function wordsOf(call: ServerCall): string[] {
  return Array.from({ length: call.count }, (_, index) => call.text(index));
}
