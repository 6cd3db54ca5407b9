import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Histogram } from '../../src/bench/histogram.js';

const shape = { lowest: 1, highest: 60_000_000, digits: 3 };

describe('Histogram', () => {
  it('gives the percentiles of an even distribution to three digits', () => {
    const histogram = new Histogram(shape);
    for (let value = 1; value <= 100_000; value++) histogram.record(value, 1);
    assert.equal(histogram.totalCount, 100_000);
    for (const percentile of [1, 10, 50, 90, 99, 99.9, 100]) {
      const exact = percentile * 1000;
      const found = histogram.valueAtPercentile(percentile);
      assert.ok(Math.abs(found - exact) <= exact / 1000, `p${percentile}: ${found} for ${exact}`);
    }
    assert.ok(Math.abs(histogram.mean - 50_000.5) < 50);
    assert.equal(histogram.min, 1);
    assert.ok(Math.abs(histogram.max - 100_000) <= 100);
  });

  it('keeps any value within a thousandth of itself, from 1 to its highest', () => {
    for (let value = 1; value <= shape.highest; value = Math.ceil(value * 1.37)) {
      const histogram = new Histogram(shape);
      histogram.record(value, 3);
      assert.equal(histogram.totalCount, 3);
      assert.ok(histogram.min <= value && histogram.max >= value, `${histogram.min} <= ${value} <= ${histogram.max}`);
      assert.ok(
        histogram.max - histogram.min <= value / 1000,
        `${value} lies in a part of ${histogram.max - histogram.min + 1}`,
      );
    }
  });

  it('counts a value over the highest as the highest', () => {
    const histogram = new Histogram({ lowest: 10, highest: 3_000_000, digits: 3 });
    histogram.record(2_000_000_000, 1);
    assert.ok(Math.abs(histogram.max - 3_000_000) <= 3000);
  });

  it('halves the distance to the end with each percentile step', () => {
    const histogram = new Histogram(shape);
    for (let value = 1; value <= 1024; value++) histogram.record(value, 1);
    const steps = histogram.percentileSteps();
    assert.deepEqual(
      steps.slice(0, 4).map(({ percentile }) => percentile),
      [0, 50, 75, 87.5],
    );
    assert.deepEqual(
      steps.slice(0, 4).map(({ cumulativeCount }) => cumulativeCount),
      [1, 512, 768, 896],
    );
    assert.deepEqual(steps.at(-1), { percentile: 100, value: 1024, cumulativeCount: 1024 });
  });

  it('steps by 100 to 2000 and by 1000 above', () => {
    const histogram = new Histogram(shape);
    histogram.record(150, 1);
    histogram.record(4500, 1);
    const steps = histogram.linearSteps();
    assert.deepEqual(
      steps.slice(0, 2).map(({ value, cumulativeCount }) => [value, cumulativeCount]),
      [
        [100, 0],
        [200, 1],
      ],
    );
    const end = steps.at(-1)!;
    assert.equal(end.cumulativeCount, 2);
    assert.ok(end.value >= 4500 && end.value < 5300);
    assert.ok(steps.length < 30);
  });

  it('tells what came since a copy of its counts', () => {
    const histogram = new Histogram(shape);
    histogram.record(100, 5);
    const before = histogram.counts.slice();
    histogram.record(200, 2);
    assert.equal(histogram.since(before).totalCount, 2);
    assert.equal(histogram.since(before).valueAtPercentile(50), 200);
  });

  it('has no figures while it is empty', () => {
    const histogram = new Histogram(shape);
    for (const figure of [histogram.min, histogram.max, histogram.mean, histogram.valueAtPercentile(50)])
      assert.ok(Number.isNaN(figure));
    assert.deepEqual(histogram.percentileSteps(), []);
    assert.deepEqual(histogram.linearSteps(), []);
  });
});
