// transforms: functions of users' modules that make the fields of a row.
//
//   export default function (row, { table }) { return { ...row, name: row.name.trim() }; }    // null leaves the row out
//
// The function must give the same for the same row: what it gave for a row decides which keys are removed later.
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { SyncConfig } from '../config/sync-config.js';
import { ConfigError } from '../config/yaml-reader.js';
import { Decimal, JsonText, type Value } from '../values/value.js';
import { type RowTransform, tableName } from './table-plan.js';

function plainValue(value: unknown): unknown {
  if (value instanceof Decimal || value instanceof JsonText) return value.text;
  return value instanceof Uint8Array ? Buffer.from(value) : value;
}

function toValue(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return value;
  if (value instanceof Uint8Array) return value;
  if (value instanceof Date) return value.toISOString();
  return new JsonText(JSON.stringify(value));
}

export async function loadTransforms(config: SyncConfig): Promise<Map<string, RowTransform>> {
  const transforms = new Map<string, RowTransform>();
  for (const table of config.tables) {
    if (table.module === undefined) continue;
    const path = resolve(dirname(config.path), table.module);
    const name = tableName(table);
    let loaded: { default?: unknown };
    try {
      loaded = (await import(pathToFileURL(path).href)) as { default?: unknown };
    } catch (error) {
      throw new ConfigError(`${path}: the module of ${name} cannot be loaded: ${(error as Error).message}`);
    }
    const run = loaded.default;
    if (typeof run !== 'function')
      throw new ConfigError(`${path}: the module of ${name} has no default export that is a function`);
    transforms.set(name, (row) => {
      const given = Object.fromEntries(Object.entries(row).map(([key, value]) => [key, plainValue(value)]));
      let made: unknown;
      try {
        made = (run as (row: unknown, about: unknown) => unknown)(given, { table: name });
      } catch (error) {
        throw new ConfigError(`${path}: the function of ${name} fails: ${(error as Error).message}`);
      }
      if (made === null || made === undefined) return null;
      if (typeof made !== 'object' || made instanceof Promise || Array.isArray(made))
        throw new ConfigError(
          `${path}: the function of ${name} gave ${made instanceof Promise ? 'a promise' : Array.isArray(made) ? 'an array' : typeof made}, not an object or null`,
        );
      return Object.fromEntries(Object.entries(made).map(([key, value]) => [key, toValue(value)]));
    });
  }
  return transforms;
}
