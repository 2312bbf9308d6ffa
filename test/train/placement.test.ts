import { place, type Span } from '../../src/train/placement.ts';
import { assert, random, randomInt, test } from '../harness.ts';

/** Pairs of arrays that are alive at one time and lie on one another. */
function clashes(spans: readonly Span[], offsets: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  spans.forEach((a, i) => {
    for (let j = 0; j < i; j++) {
      const b = spans[j]!;
      const together = a.from <= b.to && b.from <= a.to;
      if (together && offsets[i]! < offsets[j]! + b.bytes && offsets[j]! < offsets[i]! + a.bytes) found.push([i, j]);
    }
  });
  return found;
}

function randomSpans(seed: number): Span[] {
  const next = random(seed);
  return Array.from({ length: 1 + randomInt(next, 60) }, () => {
    const from = randomInt(next, 40);
    return { bytes: 4 * (1 + randomInt(next, 500)), from, to: from + randomInt(next, 12) };
  });
}

test('arrays that are alive at one time never meet, begin on cache lines, and end where it is said (seeds 0..99)', () => {
  for (let seed = 0; seed < 100; seed++) {
    const spans = randomSpans(seed);
    const { offsets, bytes } = place(spans);
    assert.equal(clashes(spans, offsets), [], `seed ${seed}`);
    assert.ok(offsets.every((offset, i) => offset % 64 === 0 && offset + spans[i]!.bytes <= bytes));
  }
});

test('arrays that follow one another share their place', () => {
  /*  time 0 1 2 3 4
   *  a    x x
   *  b      x x
   *  c        x x
   *  d            x    c and d lie where a was */
  const lives: [number, number][] = [
    [0, 1],
    [1, 2],
    [2, 3],
    [4, 4],
  ];
  const spans = lives.map(([from, to]) => ({ bytes: 64, from, to }));
  assert.equal(place(spans), { offsets: [0, 64, 0, 0], bytes: 128 });
});

test('an array that lives longer than was said is seen (planted fault)', () => {
  const spans = randomSpans(1);
  const { offsets } = place(spans.map((span) => ({ ...span, to: span.from })));
  assert.ok(clashes(spans, offsets).length > 0);
});

test.run();
