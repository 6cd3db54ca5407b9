import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { boundsFor, describeBounds, groupLimit, heapWarning } from './memory-bounds.js';

const MB = 1024 * 1024;

function limitOf(files: Readonly<Record<string, string>>): number {
  return groupLimit((path) => files[path]);
}

describe('memory limits of control groups', () => {
  test('version 2: the smallest of the group and those around it', () => {
    const files = {
      '/proc/self/cgroup': '0::/app.slice/web.service\n',
      '/sys/fs/cgroup/app.slice/web.service/memory.max': 'max\n',
      '/sys/fs/cgroup/app.slice/memory.max': '536870912\n',
    };
    assert.equal(limitOf(files), 512 * MB);
    assert.equal(limitOf({ ...files, '/sys/fs/cgroup/memory.max': '268435456\n' }), 256 * MB);
  });

  test('version 1, and the root that a container sees', () => {
    const cgroup = '8:pids:/x\n4:cpu,memory:/docker/abc\n0::/\n';
    const root = '/sys/fs/cgroup/memory';
    assert.equal(
      limitOf({ '/proc/self/cgroup': cgroup, [`${root}/docker/abc/memory.limit_in_bytes`]: '1048576\n' }),
      MB,
    );
    assert.equal(limitOf({ '/proc/self/cgroup': cgroup, [`${root}/memory.limit_in_bytes`]: '2097152\n' }), 2 * MB);
  });

  test('none, and files that make no sense', () => {
    assert.equal(limitOf({}), Infinity);
    assert.equal(
      limitOf({ '/proc/self/cgroup': '\0garbage\n0::/../../etc\n:::\n', '/sys/fs/cgroup/memory.max': 'max' }),
      Infinity,
    );
  });
});

test('bounds are shares of the heap and of the memory, and are told', () => {
  const bounds = boundsFor(512 * MB, 256 * MB, true);
  assert.ok(bounds.stateBytes + bounds.scriptBytes + bounds.trackingBytes + bounds.userBytes <= bounds.heapBytes * 0.7);
  assert.ok(bounds.queueBytes + bounds.luaBytes + bounds.heapBytes <= bounds.totalBytes);
  assert.match(describeBounds(bounds), /^Memory: 512 MB \(control group\), JavaScript heap up to 256 MB;/);
  assert.equal(heapWarning(bounds), undefined);
  assert.match(heapWarning(boundsFor(512 * MB, 2048 * MB))!, /--max-old-space-size=128/);
  assert.equal(boundsFor(1e12, 4096 * MB).luaBytes, 2048 * MB);
});
