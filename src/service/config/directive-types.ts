// directive-types: makes src/embed/directives.ts from the table of options, so that the editor of an embedding program
// completes and explains directives and its compiler finds a misspelt one.
//
// Made and not derived by a mapped type, because only members that are written out can have comments, and because the
// declaration file of the package then needs nothing of the table.
import type { Option } from '../../registry/option.js';
import { options } from './options.js';
import { initialText } from './reference.js';

function choiceText(choices: readonly string[]): string {
  const isFlag = choices.includes('yes') && choices.includes('no');
  return [...(isFlag ? ['boolean'] : []), ...choices.map((choice) => `'${choice}'`)].join(' | ');
}

function typeText(option: Option): string {
  if (option.multiple === true) return 'Words';
  switch (option.kind) {
    case 'flag':
      return 'Flag';
    case 'number':
      // A number would be written in decimal digits.
      return option.unit === 'octal' ? 'string' : 'number | string';
    case 'choice':
      return choiceText([...option.choices, ...Object.keys(option.synonyms ?? {})]);
    case 'text':
    case 'words':
    case 'special':
      return 'string';
  }
}

/** The text of src/embed/directives.ts, which a formatter still has to lay out. */
export function directiveTypes(): string {
  const lines = [
    '// directives: every directive of the configuration as an option of startServer, with its type.',
    '//',
    '// Made from src/service/config/options.ts by `npm run docs`; change the table, not this file.',
    '',
    "export type Flag = boolean | 'yes' | 'no';",
    '',
    "/** Several words: in a list (`['900', '1']`), or in one text as in a config file (`'900 1'`). */",
    'export type Words = string | number | readonly (string | number)[];',
    '',
    'export interface Directives {',
  ];
  for (const option of options as readonly Option[]) {
    const { name, alias, summary } = option;
    const type = `${typeText(option)} | undefined`;
    lines.push(`/** ${summary} Default: \`${initialText(option)}\`. */`, `readonly '${name}'?: ${type};`);
    if (alias !== undefined) lines.push(`/** Another name of \`${name}\`. */`, `readonly '${alias}'?: ${type};`);
  }
  return [...lines, '}', ''].join('\n');
}
