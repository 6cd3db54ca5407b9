// i18n: the texts of the page: English in the code, other languages in a file of their own that is loaded when it is chosen.

let table: Readonly<Record<string, string>> = {};
/** English texts for one of a thing; Chinese has one form for all. */
const singular: Readonly<Record<string, string>> = {
  'All {n} keys were looked at.': 'The only key was looked at.',
  'All {n} lines are as they were written.': 'The only line is as it was written.',
  'Change {n} keys: {change}': 'Change {n} key: {change}',
  '{n} changes since the last save': '{n} change since the last save',
  '{n} clients': '{n} client',
  '{n} clients received it': '{n} client received it',
  '{n} commands ran': '{n} command ran',
  '{n} elements': '{n} element',
  '{n} errors': '{n} error',
  '{n} keys': '{n} key',
  '{n} keys came in': '{n} key came in',
  '{n} keys changed': '{n} key changed',
  '{n} keys fit': '{n} key fits',
  '{n} keys in all': '{n} key in all',
  '{n} lines': '{n} line',
  '{n} masters': '{n} master',
  '{n} messages': '{n} message',
  '{n} places': '{n} place',
  '{n} pools': '{n} pool',
  '{n} replicas': '{n} replica',
  '{n} servers': '{n} server',
  '{n} slots': '{n} slot',
  '{n} slots would move.': '{n} slot would move.',
};
let current: 'en' | 'zh-CN' = 'en';

export function language(): string {
  return current;
}

/** Servers say some of the texts: one that is named like a property of every object is a text like others. */
function own(texts: Readonly<Record<string, string>>, text: string): string | undefined {
  return Object.hasOwn(texts, text) ? texts[text] : undefined;
}

/** The text in the chosen language; {name} stands for a value. */
export function t(text: string, values: Readonly<Record<string, string | number>> = {}): string {
  const isOne = current === 'en' && String(values.n) === '1';
  return (own(table, text) ?? (isOne ? own(singular, text) : undefined) ?? text).replace(
    /\{(\w+)\}/g,
    (whole, name: string) => (name in values ? String(values[name]) : whole),
  );
}

/** Texts of the program with {0} and the like for what it put in, and where they are looked for. */
let ofProgram: Readonly<Record<string, string>> = {};
let templates: readonly (readonly [RegExp, string])[] = [];

/** A text of the program in the chosen language, or as it came if it is a server's. */
export function said(text: string): string {
  const found = own(ofProgram, text);
  if (found !== undefined || text.length > templatesMax) return found ?? text;
  for (const [pattern, translation] of templates) {
    const match = pattern.exec(text);
    if (match !== null) return translation.replace(/\{(\d)\}/g, (_, at: string) => said(match[Number(at) + 1] ?? ''));
  }
  return text;
}

const templatesMax = 2000;

function templatesOf(texts: Readonly<Record<string, string>>): (readonly [RegExp, string])[] {
  return Object.entries(texts)
    .filter(([text]) => text.includes('{0}'))
    .map(([text, translation]) => {
      const pattern = text.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{\d\}/g, '(.*)');
      return [new RegExp(`^${pattern}$`, 's'), translation] as const;
    });
}

export async function chooseLanguage(wanted: 'en' | 'zh-CN'): Promise<void> {
  const isChinese = wanted === 'zh-CN';
  table = isChinese ? (await import('./zh.js')).chinese : {};
  ofProgram = isChinese ? (await import('./zh-program.js')).chineseOfProgram : {};
  templates = templatesOf(ofProgram);
  current = wanted;
  document.documentElement.lang = wanted;
  localStorage.setItem('language', wanted);
}

export function firstLanguage(): 'en' | 'zh-CN' {
  const stored = localStorage.getItem('language');
  if (stored === 'en' || stored === 'zh-CN') return stored;
  return navigator.languages.some((name) => /^zh\b/i.test(name)) && /^zh\b/i.test(navigator.language) ? 'zh-CN' : 'en';
}
