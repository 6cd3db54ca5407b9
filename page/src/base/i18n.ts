// i18n: the texts of the page: English in the code, other languages in a file of their own that is loaded when it is chosen.

let table: Readonly<Record<string, string>> = {};
let current: 'en' | 'zh-CN' = 'en';

export function language(): string {
  return current;
}

/** The text in the chosen language; {name} stands for a value. */
export function t(text: string, values: Readonly<Record<string, string | number>> = {}): string {
  return (table[text] ?? text).replace(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? String(values[name]) : whole,
  );
}

export async function chooseLanguage(wanted: 'en' | 'zh-CN'): Promise<void> {
  table = wanted === 'zh-CN' ? (await import('./zh.js')).chinese : {};
  current = wanted;
  document.documentElement.lang = wanted;
  localStorage.setItem('language', wanted);
}

export function firstLanguage(): 'en' | 'zh-CN' {
  const stored = localStorage.getItem('language');
  if (stored === 'en' || stored === 'zh-CN') return stored;
  return navigator.languages.some((name) => /^zh\b/i.test(name)) && /^zh\b/i.test(navigator.language) ? 'zh-CN' : 'en';
}
