// explain-nutcracker: what each line of a nutcracker.yml does today, by the reader with which kvasir-proxy starts.

import { sharesPorts } from '../io/sockets.js';
import { readNutcrackerConfig } from '../proxy/config/nutcracker-config.js';
import { readYml, type Mistake, type YmlEntry, type YmlPool } from '../proxy/config/yml.js';
import type { Explained, ExplainedLine } from './explained-line.js';
import { poolKeyNotes } from './pool-key-notes.js';

function meanings(pools: readonly YmlPool[]): Map<number, string> {
  const found = new Map<number, string>();
  const addEntry = (pool: string, { key, line, items }: YmlEntry): void => {
    found.set(line, poolKeyNotes[key] ?? '');
    const one = key === 'servers' ? `a server of the pool ${pool}: host:port:weight, and its name` : `one of "${key}"`;
    for (const item of items) found.set(item.line, one);
  };
  for (const { name, line, entries } of pools) {
    found.set(line, `the pool ${name}`);
    for (const entry of entries) addEntry(name, entry);
  }
  return found;
}

function explain(raw: string, meaning: string | undefined, mistakes: readonly string[]): Explained {
  if (mistakes.length > 0) return { verdict: 'error', meaning: mistakes.join('; '), now: undefined };
  const now = raw.trimEnd();
  const isIdle = /^\s*reuseport\s*:\s*true/.test(raw) && !sharesPorts();
  return { verdict: isIdle ? 'warning' : 'ok', meaning: meaning ?? 'part of the value before it', now };
}

export function explainNutcracker(file: string, text: string): ExplainedLine[] {
  const ignored: Mistake[] = [];
  const told = meanings(readYml(text, ignored));
  const mistakes = new Map<number, string[]>();
  for (const { line, text: reason } of readNutcrackerConfig(text, file).mistakes) {
    const place = Math.max(line, 1);
    mistakes.set(place, [...(mistakes.get(place) ?? []), reason]);
  }
  const explained: ExplainedLine[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const content = raw.trim();
    const wrong = mistakes.get(line) ?? [];
    if ((content === '' || content.startsWith('#')) && wrong.length === 0) continue;
    explained.push({ file, line, text: content, ...explain(raw, told.get(line), wrong) });
  }
  return explained;
}
