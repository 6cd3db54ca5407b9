// theme: light or dark: as the system says until a person chooses.

const dark = matchMedia('(prefers-color-scheme: dark)');

export type Theme = 'light' | 'dark';

export function theme(): Theme {
  const stored = localStorage.getItem('theme');
  return stored === 'light' || stored === 'dark' ? stored : dark.matches ? 'dark' : 'light';
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme();
}

export function toggleTheme(): void {
  localStorage.setItem('theme', theme() === 'dark' ? 'light' : 'dark');
  applyTheme();
  dispatchEvent(new Event('themechange'));
}

dark.addEventListener('change', applyTheme);
