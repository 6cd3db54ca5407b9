// check-mapping: a table's mapping against its columns and keys.

import type { MappingTarget, TableConfig } from '../config/sync-config.js';
import type { Expression } from '../mapping/expression.js';
import type { Template } from '../mapping/template.js';
import type { TableSchema } from '../source/table-schema.js';
import { tableName } from './table-plan.js';

export interface MappingProblem {
  readonly text: string;
  /** Cannot run like this; else only a warning. */
  readonly isFatal: boolean;
}

export function mappingProblems(config: TableConfig, schema: TableSchema): MappingProblem[] {
  const problems: MappingProblem[] = [];
  const name = tableName(config);
  const columns = new Set(schema.columns.map((column) => column.name));
  const computed = new Set(config.compute.map(([key]) => key));
  const fatal = (text: string): void => void problems.push({ text: `${name}: ${text}`, isFatal: true });
  const needColumns = (names: Iterable<string>, where: string): void => {
    if (config.module !== undefined) return; // the module may make any field
    for (const one of names)
      if (!columns.has(one) && !computed.has(one))
        fatal(`${where} names column '${one}', which the table does not have`);
  };
  for (const one of [...(config.columns ?? []), ...config.exclude, ...config.rename.keys()])
    if (!columns.has(one)) fatal(`the mapping names column '${one}', which the table does not have`);
  for (const [key, expression] of config.compute) needColumns(expression.columns, `compute.${key}`);
  if (config.where !== undefined) needColumns(config.where.columns, 'where');
  for (const target of config.targets) {
    for (const [where, part] of partsOf(target)) needColumns(part.columns, `${target.path}.${where}`);
    if (!isUnique(config, target, schema)) {
      const text =
        `${name}: ${target.path}: two rows can lead to the same ${'member' in target || target.kind === 'field' ? 'member' : 'key'} of '${target.key.text}', ` +
        'because it names no primary or unique key (NOT NULL) of the table whole; when one of them goes, the other would be missing. ' +
        (config.assumesUnique
          ? 'assume_unique says that this does not happen'
          : 'Put the id into it, use a set, or say assume_unique: true');
      problems.push({ text, isFatal: !config.assumesUnique });
    }
  }
  for (const column of schema.columns)
    if (column.textKind === 'text' && column.charset !== undefined && column.decode === undefined)
      fatal(`column '${column.name}' has the character set ${column.charset}, which cannot be read`);
  return problems;
}

function partsOf(target: MappingTarget): (readonly [string, Template | Expression])[] {
  const parts: (readonly [string, Template | Expression | undefined])[] = [[target.kind, target.key]];
  if (target.kind === 'string') parts.push(['value', target.value]);
  if (target.kind === 'field') parts.push(['field', target.field], ['value', target.value]);
  if (target.kind === 'set' || target.kind === 'zset') parts.push(['member', target.member]);
  if (target.kind === 'zset') parts.push(['score', target.score]);
  if (target.kind === 'list') parts.push(['element', target.element]);
  if ('life' in target) parts.push(['ttl', target.life.ttl], ['expire_at', target.life.expireAt]);
  return parts.flatMap(([where, part]) => (part === undefined ? [] : [[where, part] as const]));
}

/** Whether the target's place names a unique key whole. Lists and streams may have the same element twice. */
function isUnique(config: TableConfig, target: MappingTarget, schema: TableSchema): boolean {
  if (target.kind === 'list' || target.kind === 'stream' || config.module !== undefined) return true;
  const place: Template[] = [target.key];
  if (target.kind === 'field') place.push(target.field);
  if (target.kind === 'set' || target.kind === 'zset') place.push(target.member);
  // Only a bare column keeps what is different apart.
  const bare = new Set<string>();
  for (const { parts } of place)
    for (const part of parts)
      if (
        typeof part !== 'string' &&
        part.columns.size === 1 &&
        part.columns.has(part.text.trim().replace(/^`|`$/g, ''))
      )
        bare.add([...part.columns][0]!);
  const isNullableUnique = schema.nullableUniqueKeys?.some((key) => key.every((column) => bare.has(column))) === true;
  return isNullableUnique || schema.uniqueKeys.some((key) => key.length > 0 && key.every((column) => bare.has(column)));
}
