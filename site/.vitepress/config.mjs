// config: the site: which documents are pages, how they are ordered, and where links to sources lead.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_REF_NAME = 'main' } = process.env;
/** Where files that are no pages can be read; nowhere if the build is not that of the public repository. */
const sources =
  GITHUB_REPOSITORY === undefined ? undefined : `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/blob/${GITHUB_REF_NAME}`;

/** Pages besides docs/, by their file; scripts/site.mjs copies these. */
export const others = ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'LICENSES.md'];

const isPage = (path) => path.endsWith('.md') && (path.startsWith('docs/') || others.includes(path));

/** Lets a link to a file that is no page lead to the sources; where these are not to be read, only its text is left. */
function linkSources(markdown) {
  markdown.core.ruler.push('source-links', ({ tokens, env }) => {
    for (const inline of tokens.filter(({ type }) => type === 'inline')) {
      let isText = false;
      for (const token of inline.children) {
        if (token.type === 'link_close' && isText) token.tag = 'span';
        if (token.type !== 'link_open') continue;
        const target = sourceOf(token.attrGet('href'), env.relativePath);
        isText = target === '';
        if (isText) Object.assign(token, { tag: 'span', attrs: null });
        else if (target !== undefined) token.attrSet('href', target);
      }
    }
  });
}

/** Documents speak of {{templates}}, which are no expressions of a page. */
function adaptMarkdown(markdown) {
  linkSources(markdown);
  const withoutExpressions = (html) => html.replaceAll('{{', '&#123;&#123;');
  const { render, renderAsync } = markdown;
  markdown.render = (...words) => withoutExpressions(render.apply(markdown, words));
  if (renderAsync !== undefined)
    markdown.renderAsync = async (...words) => withoutExpressions(await renderAsync.apply(markdown, words));
}

/** Where a link of a page leads if not to a page: an address, or nothing; undefined for links to pages. */
function sourceOf(href, from) {
  if (/^(\w+:|#)/.test(href)) return undefined;
  const [path, fragment] = href.split('#');
  const file = posix.join(posix.dirname(from.replace(/(^|\/)index\.md$/, '$1README.md')), decodeURIComponent(path));
  if (isPage(file)) return undefined;
  if (!existsSync(join(root, file))) throw new Error(`${from} links to ${href}, which does not exist`);
  return sources === undefined ? '' : `${sources}/${file}${fragment === undefined ? '' : `#${fragment}`}`;
}

/** A page's title, from its first heading. */
function titleOf(path) {
  return /^# (.*)$/m.exec(readFileSync(join(root, path), 'utf8'))?.[1].replaceAll('`', '') ?? path;
}

const page = (path) => ({ text: titleOf(path), link: `/${path.replace(/(README|index)?\.md$/, '')}` });
const group = (text, names) => ({
  text,
  collapsed: false,
  items: names
    .map((name) => `docs/${name}.md`)
    .filter((path) => existsSync(join(root, path)))
    .map(page),
});

// eslint-disable-next-line no-restricted-syntax -- VitePress takes the default export
export default {
  title: 'Kvasir',
  description: 'The Redis stack in TypeScript',
  srcDir: 'pages',
  outDir: 'dist',
  cacheDir: '.cache',
  rewrites: {
    'README.md': 'index.md',
    'docs/recipes/README.md': 'docs/recipes/index.md',
    'docs/guides/README.md': 'docs/guides/index.md',
    'docs/guides/zh/README.md': 'docs/guides/zh/index.md',
  },
  cleanUrls: true,
  lastUpdated: false,
  markdown: { html: false, config: adaptMarkdown },
  vite: { publicDir: false },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guides', link: '/docs/guides/' },
      { text: 'Recipes', link: '/docs/recipes/' },
      { text: 'Changes', link: '/CHANGELOG' },
    ].filter(({ link }) => !link.includes('guides') || existsSync(join(root, 'docs/guides/README.md'))),
    sidebar: [
      group('Server', 'config persistence replication cluster sentinel io-threads monitoring embedding'.split(' ')),
      group('Tools', 'cli cluster-manager benchmark-tool rdb aof dump sync backup plan proxy mysql admin'.split(' ')),
      group('Tests', 'testing compared redis-test-suite'.split(' ')),
      group('Operation', 'deployment upgrade versioning benchmarks'.split(' ')),
      { text: 'Project', items: others.filter((path) => path !== 'README.md').map(page) },
    ],
  },
};
