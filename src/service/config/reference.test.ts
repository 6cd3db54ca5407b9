// reference: the pages made from the table are up to date, and the sample file works.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, it } from 'node:test';
import { RealFiles } from '../../io/files.js';
import { Config } from './config.js';
import { ConfigReader } from './file.js';
import { configReference, sampleConfig } from './reference.js';

describe('configuration reference', () => {
  it('is the one that the table gives (npm run docs writes it)', () => {
    assert.equal(readFileSync('docs/config.md', 'utf8'), configReference());
    assert.equal(readFileSync('kvasir.conf', 'utf8'), sampleConfig());
  });

  it('has a sample file whose lines are good and say the defaults', () => {
    const lines = sampleConfig()
      .split('\n')
      .filter((line) => /^# [a-z][a-z0-9-]* \S/.test(line) && !line.includes('<host>'))
      .map((line) => line.slice(2))
      .filter((line) => new Config('/').find(line.split(' ')[0]!) !== undefined && !/\.$/.test(line));
    const config = new Config(tmpdir());
    const reader = new ConfigReader(config, new RealFiles(), {
      user: () => undefined,
      renameCommand: () => undefined,
      loadModule: () => undefined,
    });
    reader.load(undefined, lines.filter((line) => !line.startsWith('dir ')).join('\n'), '');
    assert.ok(lines.length > 180);
    assert.deepEqual([...config.get(['*'])], [...new Config(tmpdir()).get(['*'])]);
  });
});
