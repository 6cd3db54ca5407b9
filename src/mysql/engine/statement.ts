// statement: what a SQL statement in the binlog does, as far as tables are concerned.
//
// No grammar of SQL is needed: the first words tell the kind, and a statement can only concern tables whose names stand in it. A name
// that stands in it for another reason (a column, a text in an index comment) costs a needless re-snapshot, never a missed change.
// Effects of a statement through triggers, views and routines are found by their texts: see `dependentNames`.

export type StatementKind = 'changes' | 'tables' | 'database' | 'other';

export interface Statement {
  readonly kind: StatementKind;
  /** The first word, in capitals. */
  readonly verb: string;
  /** Names that stand in it, in small letters: `table` and `database.table`. */
  readonly names: ReadonlySet<string>;
  /** The database that is created or dropped. */
  readonly database: string | undefined;
  /** It defines a trigger, view or routine: statements with one of its names may do what its text says. */
  readonly isDefinition: boolean;
}

const changeVerbs = new Set([
  'INSERT',
  'UPDATE',
  'DELETE',
  'REPLACE',
  'LOAD',
  'CALL',
  'WITH',
  'DO',
  'SELECT',
  'IMPORT',
]);
const tableVerbs = new Set(['CREATE', 'ALTER', 'DROP', 'RENAME', 'TRUNCATE']);
const skippedObjects =
  /^(?:CREATE|ALTER|DROP|RENAME)\s+(?:OR\s+REPLACE\s+)?(?:DEFINER\s*=\s*\S+\s+)?(?:AGGREGATE\s+)?(?:USER|ROLE|FUNCTION|PROCEDURE|EVENT|SERVER|TABLESPACE|LOGFILE|PACKAGE|SEQUENCE|INSTANCE|SPATIAL\s+REFERENCE|RESOURCE|TEMPORARY|(?:SQL\s+SECURITY\s+\w+\s+)?VIEW|TRIGGER)\b/i;

const definitions =
  /^(?:CREATE|ALTER)\b(?:(?!\bTABLE\b|\bDATABASE\b|\bINDEX\b)[^(])*?\b(?:TRIGGER|VIEW|PROCEDURE|FUNCTION|EVENT|PACKAGE)\b/i;

/** Comments that every server runs stay, all others go; texts become ''. */
function strip(sql: string): string {
  return sql.replace(
    /\/\*M?!\d*([\s\S]*?)\*\/|\/\*[\s\S]*?\*\/|(?:--\s|#).*|'(?:[^'\\]|''|\\[\s\S])*'|"(?:[^"\\]|""|\\[\s\S])*"|`(?:[^`]|``)*`/g,
    (match, executable: string | undefined) => {
      if (executable !== undefined) return ` ${strip(executable)} `;
      if (match.startsWith('`')) return match;
      // With ANSI_QUOTES a text in double quotes is a name, so it may count as one.
      if (match.startsWith('"') && /^"[^"\s]{1,64}"$/.test(match)) return `\`${match.slice(1, -1)}\``;
      return match.startsWith("'") || match.startsWith('"') ? "''" : ' ';
    },
  );
}

const nameMatcher = /(?:`((?:[^`]|``)+)`|([\p{L}\p{N}_$]+))(?:\s*\.\s*(?:`((?:[^`]|``)+)`|([\p{L}\p{N}_$]+)))?/gu;

function namesIn(text: string, database: string): Set<string> {
  const names = new Set<string>();
  const plain = (quoted: string | undefined, bare: string | undefined): string | undefined =>
    (quoted?.replaceAll('``', '`') ?? bare)?.toLowerCase();
  for (const match of text.matchAll(nameMatcher)) {
    const first = plain(match[1], match[2])!;
    const second = plain(match[3], match[4]);
    if (second !== undefined) {
      names.add(`${first}.${second}`);
      names.add(`${database.toLowerCase()}.${first}`); // table.column
    } else names.add(`${database.toLowerCase()}.${first}`);
  }
  return names;
}

export function readStatement(sql: string, database: string): Statement {
  const text = strip(sql).trim();
  const verb = /^\(*\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? '';
  const other = (kind: StatementKind, names: ReadonlySet<string> = new Set(), base?: string): Statement => ({
    kind,
    verb,
    names,
    database: base,
    isDefinition: definitions.test(text),
  });
  if (changeVerbs.has(verb)) return other('changes', namesIn(text, database));
  if (definitions.test(text)) return other('other', namesIn(text, database));
  if (!tableVerbs.has(verb)) return other('other');
  const base =
    /^(?:CREATE|ALTER|DROP)\s+(?:OR\s+REPLACE\s+)?(?:DATABASE|SCHEMA)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:`((?:[^`]|``)+)`|([^\s;`]+))/i.exec(
      text,
    );
  if (base !== null) return other('database', new Set(), (base[1] ?? base[2]!).toLowerCase());
  if (skippedObjects.test(text)) return other('other');
  return other('tables', namesIn(text, database));
}
