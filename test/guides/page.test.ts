import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GuideError, parseGuide, type ConsoleStep } from './page.js';

const head = '# Title\n\n<!-- guide: ports=6379,6381-6383 folders=/etc/redis needs=mariadbd -->\n\n';
const fence = '```';
const block = (info: string, ...lines: string[]): string => `${[fence + info, ...lines, fence].join('\n')}\n`;
const guideOf = (...parts: string[]): ReturnType<typeof parseGuide> => parseGuide('page', head + parts.join('\n'));
const stepOf = (...parts: string[]): ConsoleStep => guideOf(...parts).steps[0] as ConsoleStep;

describe('a page of a guide', () => {
  it('has ports, folders and programs', () => {
    const { title, ports, folders, needs } = guideOf(block('console', '$ true'));
    assert.deepEqual(
      { title, ports, folders, needs },
      {
        title: 'Title',
        ports: [
          { first: 6379, count: 1 },
          { first: 6381, count: 3 },
        ],
        folders: ['/etc/redis'],
        needs: ['mariadbd'],
      },
    );
  });

  it('has commands of several lines with what they print', () => {
    const { commands, terminal, until, anyOrder } = stepOf(
      block('console terminal=2 until', '$ cat > x <<EOF', '> a', '>', '> EOF', '$ cat x', 'a', '', '> not typed'),
    );
    assert.deepEqual([terminal, until, anyOrder], [2, true, false]);
    assert.deepEqual(
      commands.map(({ line, text, output }) => ({ line, text, output })),
      [
        { line: 6, text: 'cat > x <<EOF\na\n\nEOF', output: [] },
        { line: 10, text: 'cat x', output: ['a', '', '> not typed'] },
      ],
    );
  });

  it('tells what is typed from what is printed', () => {
    const [prompt, manager] = stepOf(
      block(
        'console',
        '$ redis-cli -c -p 6381',
        '127.0.0.1:6381> multi',
        'OK',
        '127.0.0.1:6381(TX)> get a',
        'QUEUED',
        '127.0.0.1:6381[1]> quit',
        '$ redis-cli --cluster reshard 127.0.0.1:6381',
        'How many slots do you want to move (from 1 to 16384)? 4096',
        'Source node #1: all',
      ),
    ).commands;
    assert.deepEqual(
      [prompt!.typed, prompt!.output],
      [
        ['multi', 'get a', 'quit'],
        ['OK', 'QUEUED'],
      ],
    );
    assert.deepEqual(manager!.typed, ['4096', 'all']);
    assert.deepEqual(manager!.output, ['How many slots do you want to move (from 1 to 16384)? ', 'Source node #1: ']);
  });

  it('lets a command stay and go on later', () => {
    const guide = guideOf(
      block('console stays', '$ redis-cli subscribe news', '1) "subscribe"'),
      block('console stays', '1) "message"'),
      block('console', '(error) end', '$ true'),
    );
    const steps = guide.steps as ConsoleStep[];
    assert.deepEqual(
      steps.map(({ rest, commands }) => [rest.length, commands.length]),
      [
        [0, 1],
        [1, 0],
        [1, 1],
      ],
    );
  });

  it('has files and blocks that are not run', () => {
    const guide = guideOf(
      'This is `a.conf`:\n',
      block('ini file=a.conf', 'port 6379'),
      '<!-- not run: needs Docker -->',
      block('sh', 'docker run x'),
      block('console', '$ true'),
    );
    assert.deepEqual(guide.steps[0], { kind: 'file', line: 7, name: 'a.conf', text: 'port 6379\n' });
    assert.deepEqual(guide.notRun, ['needs Docker']);
  });

  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['a block without an end', head + '```console\n$ true\n', /page\.md:5: the block does not end/],
    ['no header', '# Title\n' + block('console', '$ true'), /there is no `<!-- guide: /],
    ['no title', 'Title\n', /page\.md:1: the first line is no title/],
    [
      'a header with an unknown word',
      '# T\n<!-- guide: port=1 -->\n',
      /knows after, ports, folders and needs, not `port`/,
    ],
    ['a port that is none', '# T\n<!-- guide: ports=63x -->\n', /`63x` is no port/],
    ['nothing to run', head, /nothing is run/],
    ['an unknown word', head + block('console untill', '$ true'), /not `untill`/],
    ['an empty block', head + block('console'), /the block is empty/],
    ['a prompt without a command', head + block('console', '$ '), /page\.md:6: there is no command/],
    ['output of nothing', head + block('console', 'PONG'), /no command runs in terminal 1/],
    ['another kind of shell', head + block('bash', 'rm x'), /`bash` is no listing/],
    ['sh without a reason', head + block('sh', 'rm x'), /needs `<!-- not run: reason -->`/],
    ['an empty reason', head + '<!-- not run: -->\n' + block('sh', 'rm x'), /needs `<!-- not run: reason -->`/],
    [
      'a reason before something else',
      head + '<!-- not run: x -->\n' + block('console', '$ true'),
      /only a `sh` block/,
    ],
    ['a file that the text does not name', head + 'It:\n\n' + block('ini file=a', 'x'), /does not name the file `a`/],
    [
      'a port that nobody declared',
      head + block('console', '$ redis-cli -p 7000 ping'),
      /port 7000 is not in the header/,
    ],
    ['an address that nobody declared', head + block('console', '$ x 127.0.0.1:7001'), /port 7001 is not/],
    ['a block in a list', head + '- x\n  ```console\n  $ true\n  ```\n', /must begin at the start of its line/],
  ];
  for (const [kind, text, message] of wrong)
    it(`is refused with ${kind}`, () => {
      assert.throws(
        () => parseGuide('page', text),
        (error) => error instanceof GuideError && message.test(error.message),
      );
    });
});
