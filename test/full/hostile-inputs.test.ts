/** A million hostile inputs of each format, as test/formats/hostile-inputs.fuzz.test.ts reads some. @module */
import { hostileFolder, hostileGguf, readHostile } from '../formats/hostile-inputs.ts';
import { assert, note, test } from '../harness.ts';

/** HOSTILE_INPUTS in the environment asks for fewer. */
const INPUTS = Number(process.env.HOSTILE_INPUTS ?? 1_000_000);
const SEED = 42;

for (const [format, make] of [
  ['GGUF', hostileGguf],
  ['safetensors and config.json', hostileFolder],
] as const) {
  test(`${INPUTS} inputs of ${format} keep what is promised of them (seed ${SEED})`, async () => {
    const { faults, refused, accepted, slowestMs, mostBytes } = await readHostile(make, SEED, INPUTS);
    assert.equal(faults, []);
    const most = `at most ${slowestMs.toFixed(1)} ms and ${mostBytes} bytes beside the input`;
    note(`${format}: ${refused} inputs refused, ${accepted} accepted, ${most}`);
  });
}

test.run();
