// explain-codis: what each line of a proxy.toml, dashboard.toml or the older config.ini of codis does today.
//
// Old keys are put in today's words first (codis-history), and the line is then read as codis 3.2 reads it.

import { codisDefaults, readCodisConfig } from '../proxy/codis/codis-config.js';
import { dashboardDefaults, readDashboardConfig } from '../proxy/codis/dashboard/dashboard-config.js';
import { nearestWord } from '../base/nearest-word.js';
import { codisKeyNotes } from './codis-key-notes.js';
import { type OldKey, oldKeys } from './codis-history.js';
import type { ConfigKind } from './config-kind.js';
import type { Explained, ExplainedLine } from './explained-line.js';

type CodisKind = Extract<ConfigKind, `codis-${string}`>;

const files: Readonly<Record<CodisKind, string>> = {
  'codis-proxy': 'proxy.toml',
  'codis-dashboard': 'dashboard.toml',
};
const defaults = { 'codis-proxy': codisDefaults, 'codis-dashboard': dashboardDefaults } as const;

function mistakeIn(line: string, kind: CodisKind): string | undefined {
  const read = kind === 'codis-proxy' ? readCodisConfig : readDashboardConfig;
  return read(line).mistakes[0]?.text;
}

/** The bare text of a value: without quotes and comments. */
function bare(raw: string): string {
  const quoted = /^(["'])(.*?)\1\s*(?:#.*)?$/.exec(raw);
  return quoted?.[2] ?? raw.replace(/\s*#.*$/, '').trim();
}

/** `jodis_compatible = 1` of codis 3.1, and the words of an .ini file, in the form that TOML has for the key. */
function inTodaysForm(key: string, raw: string, kind: CodisKind): { readonly raw: string; readonly isOld: boolean } {
  const initial = (defaults[kind] as Readonly<Record<string, unknown>>)[key];
  const value = bare(raw);
  if (typeof initial === 'boolean' && /^[01]$/.test(value)) return { raw: String(value === '1'), isOld: true };
  const isBareWord = typeof initial === 'string' && !/^["']/.test(raw) && !/^\d+$/.test(value);
  return isBareWord ? { raw: JSON.stringify(value), isOld: true } : { raw, isOld: false };
}

function explainOld(key: string, old: OldKey, raw: string, kind: CodisKind): Explained {
  const since = `${key} was a key until ${old.until}`;
  if (old.now === undefined) return { verdict: 'warning', meaning: `${since}: ${old.meaning}`, now: undefined };
  const owner = old.file ?? kind;
  if (owner !== kind || !Object.hasOwn(defaults[kind], old.now))
    return { verdict: 'warning', meaning: `${since} and is ${old.now} in ${files[owner]} now`, now: undefined };
  const now = `${old.now} = ${old.value?.(bare(raw)) ?? raw}`;
  const mistake = mistakeIn(now, kind);
  if (mistake !== undefined) return { verdict: 'error', meaning: `${since}: ${mistake}`, now: undefined };
  return { verdict: 'warning', meaning: `${since} and is called ${old.now} now; ${codisKeyNotes[old.now] ?? ''}`, now };
}

function explainUnknown(key: string, kind: CodisKind): Explained {
  const other = kind === 'codis-proxy' ? 'codis-dashboard' : 'codis-proxy';
  const near = nearestWord(key, Object.keys(defaults[kind]));
  const hint = Object.hasOwn(defaults[other], key)
    ? `; it belongs in ${files[other]}`
    : near === undefined
      ? ''
      : `; the nearest is '${near}'`;
  return { verdict: 'error', meaning: `${key} is no key of ${files[kind]}${hint}`, now: undefined };
}

function explainPair(key: string, raw: string, kind: CodisKind): Explained {
  if (!Object.hasOwn(defaults[kind], key)) {
    const old = Object.hasOwn(oldKeys, key) ? oldKeys[key] : undefined;
    return old === undefined ? explainUnknown(key, kind) : explainOld(key, old, raw, kind);
  }
  const form = inTodaysForm(key, raw, kind);
  const now = `${key} = ${form.raw}`;
  const mistake = mistakeIn(now, kind);
  if (mistake !== undefined) return { verdict: 'error', meaning: mistake, now: undefined };
  const note = codisKeyNotes[key] ?? '';
  return form.isOld
    ? { verdict: 'warning', meaning: `write ${now}; ${note}`, now }
    : { verdict: 'ok', meaning: note, now };
}

export function explainCodis(file: string, text: string, kind: CodisKind): ExplainedLine[] {
  const seen = new Set<string>();
  const explained: ExplainedLine[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const place = { file, line: index + 1, text: line };
    const [, key, value] = /^([A-Za-z0-9_-]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined)
      explained.push({ ...place, verdict: 'error', meaning: 'it is no "key = value"', now: undefined });
    else if (seen.has(key))
      explained.push({ ...place, verdict: 'error', meaning: `${key} appears twice`, now: undefined });
    else explained.push({ ...place, ...explainPair(key, value, kind) });
    if (key !== undefined) seen.add(key);
  }
  return explained;
}
