import { exp, log } from '../../src/engine/math.ts';
import { assert, random, test } from '../harness.ts';

/** Fixed-point numbers with this many bits after the point: a reference that owes nothing to the host's Math. */
const POINT = 160n;
const ONE = 1n << POINT;

/** The value of a finite f64 above 2^-100, in fixed point, exact. */
function fixed(x: number): bigint {
  let scale = 0n;
  let integer = x;
  while (!Number.isInteger(integer)) {
    integer *= 2;
    scale++;
  }
  return (BigInt(integer) << POINT) / 2n ** scale;
}

/** 2 artanh(1 / 3) = ln 2. */
const LN2 = twiceArtanh(ONE / 3n);

function twiceArtanh(s: bigint): bigint {
  const square = (s * s) / ONE;
  let sum = 0n;
  let power = s;
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += power / k;
    power = (power * square) / ONE; // rounds towards 0, which ends the loop
  }
  return 2n * sum;
}

/** exp(x) / 2^n in fixed point, by the Taylor series. */
function exactExp(x: number, n: number): bigint {
  const r = fixed(x) - BigInt(n) * LN2;
  let sum = ONE;
  let term = ONE;
  for (let k = 1n; term !== 0n; k++) {
    term = (term * r) / ONE / k;
    sum += term;
  }
  return sum;
}

/** |got - want| in units of the last place of an f64 of `got`'s size. */
function ulps(got: number, want: bigint): number {
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(got))) - 52);
  const error = fixed(got) - want;
  return Number(error < 0n ? -error : error) / 2 ** Number(POINT) / unit;
}

test('exp is within 1 ULP of the exact value (seed 2)', () => {
  const next = random(2);
  for (let i = 0; i < 4000; i++) {
    const x = i % 2 === 0 ? next() * 1400 - 700 : next() * 2 - 1;
    const n = Math.round(x / Math.LN2);
    const error = ulps(exp(x) / 2 ** n, exactExp(x, n));
    assert.ok(error < 1, `exp(${x}): ${error} ULP`);
  }
});

test('log is within 2 ULP of the exact value (seed 3)', () => {
  const next = random(3);
  for (let i = 0; i < 4000; i++) {
    const k = i % 2 === 0 ? Math.floor(next() * 2000) - 1000 : 0;
    const m = 0.75 + next() * 0.6;
    const s = ((fixed(m) - ONE) << POINT) / (fixed(m) + ONE);
    const error = ulps(log(m * 2 ** k), twiceArtanh(s) + BigInt(k) * LN2);
    assert.ok(error < 2, `log(${m} * 2^${k}): ${error} ULP`);
  }
});

test('exp and log keep the special values of their definition', () => {
  assert.is(exp(0), 1);
  assert.is(exp(-Infinity), 0);
  assert.is(exp(-746), 0);
  assert.is(exp(-745.13), 5e-324);
  assert.is(exp(Infinity), Infinity);
  assert.is(exp(709.79), Infinity);
  assert.ok(exp(709.78) > 1.79e308 && exp(709.78) < Infinity);
  assert.ok(Number.isNaN(exp(NaN)));
  assert.is(log(1), 0);
  assert.is(log(0), -Infinity);
  assert.is(log(Infinity), Infinity);
  assert.ok(Math.abs(log(5e-324) + 744.4400719213812) < 1e-12);
  assert.ok(Number.isNaN(log(-1)));
  assert.ok(Number.isNaN(log(NaN)));
});

/** FNV-1a over the bits of f64 results. */
function digest(values: readonly number[]): string {
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(Float64Array.from(values).buffer)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16);
}

test('a sweep of exp and log has the bits recorded here, on every runtime', () => {
  // Recorded by this test on Node 26, x64. A new value is a change of sampled tokens.
  const sweep = Array.from({ length: 4001 }, (_, i) => (i - 2000) / 2.9);
  assert.is(digest(sweep.map(exp)), '33f01b42');
  assert.is(digest(sweep.map((x) => log(x * x + 0.001))), '4ae768ca');
});

test.run();
