// reference: docs/config.md and kvasir.conf, made from the table of options.
import { foreignGroups } from './foreign-directives.js';
import type { Option } from '../../registry/option.js';
import { options } from './options.js';
import { formatMemory } from './setting.js';

/** Where each group begins in the table, and what it is about. */
const groups: readonly (readonly [firstOption: string, title: string])[] = [
  ['bind', 'Network and clients'],
  ['tls-port', 'TLS'],
  ['daemonize', 'Process and log'],
  ['databases', 'Data set'],
  ['maxmemory', 'Memory'],
  ['hash-max-listpack-entries', 'Encodings'],
  ['save', 'Snapshots (RDB)'],
  ['appendonly', 'Append-only file'],
  ['replicaof', 'Replication'],
  ['requirepass', 'Security'],
  ['busy-reply-threshold', 'Scripts and shutdown'],
  ['cluster-enabled', 'Cluster'],
  ['slowlog-log-slower-than', 'Watching'],
];

/** The default of an option as a config file would say it. */
export function initialText(option: Option): string {
  switch (option.kind) {
    case 'flag':
      return option.initial ? 'yes' : 'no';
    case 'number':
      if (option.unit === 'octal') return option.initial.toString(8);
      return option.unit === 'plain' ? String(option.initial) : formatMemory(BigInt(option.initial));
    case 'text':
      return option.initial === null || option.initial === '' ? '""' : option.initial;
    case 'choice':
      return option.initial;
    case 'words':
      return option.none;
    case 'special':
      if (option.name === 'dir') return './';
      return option.initialText === '' ? '""' : option.initialText;
  }
}

function valuesText(option: Option): string {
  switch (option.kind) {
    case 'flag':
      return '`yes`, `no`';
    case 'number':
      return numberText(option);
    case 'choice':
      return option.choices.map((choice) => `\`${choice}\``).join(', ');
    case 'words':
      return `\`${option.none}\`, or some of ${option.choices.map((choice) => `\`${choice}\``).join(', ')}`;
    case 'text':
      return 'text';
    case 'special':
      return option.multiple === true ? 'several words' : 'text';
  }
}

function numberText({ unit, min, max }: Extract<Option, { kind: 'number' }>): string {
  const unbounded = max >= 2n ** 63n - 1n;
  if (unit === 'share') return 'size, or percent';
  const noun = unit === 'memory' ? 'size' : unit === 'octal' ? 'octal number' : 'number';
  const from = unit === 'memory' ? formatMemory(BigInt(min)) : min.toString(unit === 'octal' ? 8 : 10);
  return unbounded ? `${noun} from ${from}` : `${noun}, ${from} to ${max.toString(unit === 'octal' ? 8 : 10)}`;
}

function traitsText(option: Option): string {
  const traits: string[] = [];
  if (option.immutable === true) traits.push('at start only');
  if (option.protected === true) traits.push('protected');
  if (option.sensitive === true) traits.push('secret');
  return traits.join(', ');
}

/** The text of docs/config.md. */
export function configReference(): string {
  const lines = [
    '# Configuration',
    '',
    'This page is made from `src/service/config/options.ts` by `npm run docs`; change the table, not the page.',
    '',
    'Every directive can stand in a config file (`maxmemory 100mb`), on the command line (`--maxmemory 100mb`) and, unless it says',
    '"at start only", be changed by `CONFIG SET`. `CONFIG REWRITE` writes what was changed back to the file. Sizes take `k`, `kb`, `m`, `mb`,',
    '`g`, `gb` (`k` is 1000, `kb` is 1024). "Protected" ones need `enable-protected-configs`.',
  ];
  for (const option of options as readonly Option[]) {
    if (option.hidden === true) continue;
    const group = groups.find(([first]) => first === option.name);
    if (group !== undefined) {
      lines.push('', `## ${group[1]}`, '', '| directive | default | values | what it does |', '|---|---|---|---|');
    }
    const names = [option.name, ...(option.alias === undefined ? [] : [option.alias])]
      .map((name) => `\`${name}\``)
      .join('<br>');
    const traits = traitsText(option);
    lines.push(
      `| ${names} | \`${initialText(option)}\` | ${valuesText(option)} | ${option.summary}${traits === '' ? '' : ` (${traits})`} |`,
    );
  }
  lines.push(
    '',
    '## Other directives',
    '',
    'These stand in config files only:',
    '',
    '| directive | what it does |',
    '|---|---|',
    '| `include path` | Reads another file in place; `*`, `?` and `[...]` name several. |',
    '| `user name rule ...` | Makes an ACL user (see `ACL SETUSER`). |',
    '| `rename-command old new` | Gives a command another name; `""` takes it away. |',
    '| `loadmodule path` | Refused: modules are native code. The lines of a stock redis-full.conf are only warnings. |',
    ...foreignLines(),
    '',
  );
  return lines.join('\n');
}

/** The section on files of other versions and other servers. */
function foreignLines(): string[] {
  const lines = [
    '',
    '## Old and foreign files',
    '',
    'A redis.conf of any version and a valkey.conf can be used as they are. A line whose directive has no setting here is a warning in the',
    'log that names file, line, and meaning; `kvasir-server --check-config file` shows the same without a start. `strict-config yes`, anywhere',
    'in the file or as `--strict-config`, makes the first such line an error. A directive that nobody knows is always an error, which names',
    'the nearest one.',
  ];
  for (const { origin, directives, prefixes } of foreignGroups) {
    lines.push('', `### ${origin}`, '', '| directive | meaning here |', '|---|---|');
    for (const { names, now, meaning, only } of directives) {
      const accepted =
        only === undefined ? '' : only.values.map((value) => `\`${value === '' ? '""' : value}\``).join(', ');
      const error =
        only === undefined
          ? ''
          : accepted === ''
            ? `Error: ${only.reason}.`
            : `Error unless ${accepted}: ${only.reason}.`;
      const text =
        now !== undefined ? `Now \`${now}\`, which takes the value.` : meaning === '' ? '' : `No effect: ${meaning}.`;
      lines.push(`| ${names.map((name) => `\`${name}\``).join('<br>')} | ${[text, error].filter(Boolean).join(' ')} |`);
    }
    if (prefixes !== undefined) {
      lines.push(
        `| ${prefixes.names.map((name) => `\`${name}...\``).join('<br>')} | No effect: ${prefixes.meaning}. |`,
      );
    }
  }
  return [
    ...lines,
    '',
    '### Values',
    '',
    'Also warnings: `logfile stdout` is the standard output; of a range as in `auto-aof-rewrite-percentage 80-100` the lower number is taken;',
    '`maxclients 0` is 10000; a comment behind a directive is left out; a line with several directives, which two spaces separate, is read',
    'as several lines.',
  ];
}

/** The text of kvasir.conf: every directive with its default, in comments. */
export function sampleConfig(): string {
  const lines = [
    '# Configuration of a Kvasir server: kvasir-server /path/to/kvasir.conf',
    '#',
    '# Each directive stands here with its default, behind a #. Remove the # and change the value. The grammar is that of',
    '# redis.conf, so an existing redis.conf of any version can be used as it is; lines that have no effect here are warnings',
    '# in the log. More about each directive, and about old files: docs/config.md.',
    '#',
    '# Sizes: 1k is 1000 bytes, 1kb is 1024, and so on with m, mb, g, gb.',
    '#',
    '# Other files are read in place by: include /path/to/other.conf',
  ];
  for (const option of options as readonly Option[]) {
    if (option.hidden === true) continue;
    const group = groups.find(([first]) => first === option.name);
    if (group !== undefined) lines.push('', `# --- ${group[1]} ${'-'.repeat(Math.max(0, 100 - group[1].length))}`);
    lines.push('', `# ${option.summary}`, `# ${option.name} ${sampleValue(option)}`);
  }
  return `${lines.join('\n')}\n`;
}

function sampleValue(option: Option): string {
  if (option.name === 'client-output-buffer-limit') return 'normal 0 0 0';
  if (option.name === 'replicaof') return '<host> <port>';
  const text = initialText(option);
  return option.kind === 'text' && text.includes(' ') ? `"${text}"` : text;
}
