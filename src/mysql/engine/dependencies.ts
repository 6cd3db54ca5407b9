// dependencies: which changes of a mapped table have their cause in another object: cascades of foreign keys, triggers, views and
// routines.

import { sqlText, type SourceConnection, SourceRefused } from '../source/source-connection.js';
import { readSchemas, type TableSchema } from '../source/table-schema.js';

/** InnoDB carries cascades out itself; the binlog has the parent's rows only. */
export interface Cascade {
  readonly parent: string;
  readonly child: string;
  readonly onDelete: boolean;
  readonly onUpdate: boolean;
  /** The parent's columns that the key refers to. */
  readonly columns: readonly string[];
  readonly parentSchema: TableSchema | undefined;
}

const acts = (rule: string | null | undefined): boolean =>
  rule === 'CASCADE' || rule === 'SET NULL' || rule === 'SET DEFAULT';

export async function readCascades(connection: SourceConnection, tables: readonly string[]): Promise<Cascade[]> {
  const rules = await connection.texts(
    'SELECT r.constraint_schema, r.constraint_name, r.table_name, r.unique_constraint_schema, r.referenced_table_name, r.delete_rule, r.update_rule ' +
      "FROM information_schema.referential_constraints r WHERE r.delete_rule IN ('CASCADE','SET NULL','SET DEFAULT') OR r.update_rule IN ('CASCADE','SET NULL','SET DEFAULT')",
  );
  if (rules.length === 0) return [];
  const columns = await connection.texts(
    'SELECT constraint_schema, constraint_name, table_name, referenced_column_name FROM information_schema.key_column_usage ' +
      'WHERE referenced_column_name IS NOT NULL ORDER BY ordinal_position',
  );
  const all = rules.map(([schema, name, child, parentSchema, parent, onDelete, onUpdate]) => ({
    parent: `${parentSchema}.${parent}`,
    child: `${schema}.${child}`,
    onDelete: acts(onDelete),
    onUpdate: acts(onUpdate),
    columns: columns.filter((row) => row[0] === schema && row[1] === name && row[2] === child).map((row) => row[3]!),
  }));
  // A cascade may go on from child to child.
  const wanted: Omit<Cascade, 'parentSchema'>[] = [];
  for (const table of tables) {
    const reached = new Set([table]);
    for (const target of reached)
      for (const one of all) {
        if (one.child !== target) continue;
        wanted.push({ ...one, child: table, ...(target === table ? {} : { onDelete: true }) });
        reached.add(one.parent);
      }
  }
  const parents = wanted.map(({ parent }) => {
    const dot = parent.indexOf('.');
    return { database: parent.slice(0, dot), table: parent.slice(dot + 1) };
  });
  const schemas = await readSchemas(connection, parents);
  return wanted.map((one) => ({ ...one, parentSchema: schemas.get(one.parent) }));
}

/** For each mapped table (small letters) the names of objects whose text has its name: a statement with such a name may change it. */
export async function readDependents(
  connection: SourceConnection,
  tables: readonly string[],
): Promise<Map<string, Set<string>>> {
  const dependents = new Map<string, Set<string>>();
  const databases = [...new Set(tables.map((name) => name.slice(0, name.indexOf('.'))))].map(sqlText).join(', ');
  const texts: (readonly [string, string])[] = [];
  const collect = async (sql: string): Promise<void> => {
    try {
      for (const [database, name, text] of await connection.texts(sql))
        texts.push([`${database}.${name}`.toLowerCase(), (text ?? '').toLowerCase()]);
    } catch (error) {
      if (!(error instanceof SourceRefused)) throw error; // without the grant nothing is seen; the check reports that
    }
  };
  await collect(
    `SELECT table_schema, table_name, view_definition FROM information_schema.views WHERE table_schema IN (${databases})`,
  );
  await collect(
    `SELECT event_object_schema, event_object_table, action_statement FROM information_schema.triggers WHERE trigger_schema IN (${databases})`,
  );
  await collect(
    `SELECT routine_schema, routine_name, routine_definition FROM information_schema.routines WHERE routine_schema IN (${databases})`,
  );
  for (const table of tables) {
    const lower = table.toLowerCase();
    const bare = lower.slice(lower.indexOf('.') + 1);
    const names = new Set(texts.filter(([, text]) => text.includes(bare)).map(([name]) => name));
    names.delete(lower);
    // Indirect dependents: a view on a view, a trigger that calls a routine.
    for (const name of names)
      for (const [other, text] of texts)
        if (text.includes(name.slice(name.indexOf('.') + 1)) && other !== lower) names.add(other);
    dependents.set(lower, names);
  }
  return dependents;
}
