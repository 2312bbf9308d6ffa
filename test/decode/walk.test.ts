/** The walk down the accepted path: what ends the output, and what is reported, exactly as in plain decoding. */
import { generate, type Host } from '../../src/decode/generate.ts';
import type { GenerateOptions } from '../../src/decode/options.ts';
import type { Piece } from '../../src/decode/output.ts';
import { hasCode } from '../codes.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { hostOf, LETTERS, type HostOptions } from './hosts.ts';
import { greedyTokens, madeUpLanguage, MadeUpTarget, recitation } from './made-up-target.ts';

const VOCAB = 26;
const letters = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0) - 97);

/** A host whose model says `text` after the prompt; prompt and text are letters. */
function reciting(prompt: string, text: string, options: HostOptions = {}): { host: Host; target: MadeUpTarget } {
  const target = new MadeUpTarget(recitation(VOCAB, letters(prompt), letters(text)), { vocab: VOCAB });
  return { host: hostOf(target, { texts: LETTERS, ...options }), target };
}

interface Result {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly finishReason: string | undefined;
  readonly length: number;
  readonly passes: number;
  readonly pieces: readonly Piece[];
}

async function run(prompt: string, text: string, options: GenerateOptions, hostOptions?: HostOptions): Promise<Result> {
  const { host, target } = reciting(prompt, text, hostOptions);
  const generation = generate(host, letters(prompt), options);
  const pieces: Piece[] = [];
  for await (const piece of generation) pieces.push(piece);
  assert.is(pieces.map((piece) => piece.text).join(''), await generation.text());
  assert.equal(
    pieces.flatMap((piece) => piece.tokens),
    generation.tokens,
  );
  return {
    text: await generation.text(),
    tokens: generation.tokens,
    finishReason: generation.finishReason,
    length: target.length,
    passes: target.passes.length,
    pieces,
  };
}

/** A text that lookup drafts in long runs: the prompt holds it already. */
const COPY = 'thequickbrownfox';
const PROMPT = `${COPY}jumps`;
const SPECULATIVE: GenerateOptions = { draft: 'lookup' };
const PLAIN: GenerateOptions = { draft: 'none' };

/** Runs both ways: equal in everything but the number of passes. */
async function both(
  prompt: string,
  text: string,
  options: GenerateOptions,
  hostOptions?: HostOptions,
): Promise<Result> {
  const plain = await run(prompt, text, { ...PLAIN, ...options }, hostOptions);
  const fast = await run(prompt, text, { ...SPECULATIVE, ...options }, hostOptions);
  assert.is(fast.text, plain.text);
  assert.equal(fast.tokens, plain.tokens);
  assert.is(fast.finishReason, plain.finishReason);
  assert.is(fast.length, plain.length, 'positions in the cache');
  assert.ok(fast.passes < plain.passes, 'nothing was accepted: the test shows nothing');
  return fast;
}

test('end-of-text inside an accepted run ends the output; the token is reported, its text is not', async () => {
  const { text, tokens, finishReason, length } = await both(PROMPT, COPY, {}, { endTokens: letters('b') });
  assert.is(text, 'thequick');
  assert.equal(tokens, letters('thequickb'));
  assert.is(finishReason, 'stop');
  // All of the prompt and of the output but the last token: it was never read.
  assert.is(length, PROMPT.length + 8);
});

test('ignoring end-of-text inside a run would be seen', async () => {
  const right = await run(PROMPT, COPY, { ...PLAIN, maxTokens: 16 }, { endTokens: letters('b') });
  const wrong = await run(PROMPT, COPY, { ...SPECULATIVE, maxTokens: 16 }, { endTokens: [] });
  assert.is.not(wrong.tokens.join(), right.tokens.join());
});

test('several end-of-text tokens work, and one at the very first token', async () => {
  const { tokens } = await both(PROMPT, COPY, {}, { endTokens: letters('zkb') });
  assert.equal(tokens, letters('thequick'));
  const first = await run(PROMPT, COPY, SPECULATIVE, { endTokens: letters('t') });
  assert.is(first.text, '');
  assert.equal(first.tokens, letters('t'));
});

test('a stop string across tokens ends the output before it; its tokens are reported', async () => {
  const { text, tokens, finishReason } = await both(PROMPT, COPY, { stop: ['kbr', 'zzz'] });
  assert.is(text, 'thequic');
  assert.equal(tokens, letters('thequickbr'));
  assert.is(finishReason, 'stop');
});

test('a stop string may begin in one pass and end in another, and is held back in between', async () => {
  const { host } = reciting(PROMPT, COPY);
  const texts: string[] = [];
  for await (const piece of generate(host, letters(PROMPT), { ...PLAIN, stop: 'quick', maxTokens: 12 }))
    texts.push(piece.text);
  assert.equal(texts, ['t', 'h', 'e', '', '', '', '', '']);
  const { host: other } = reciting(PROMPT, COPY);
  const beginning: string[] = [];
  for await (const piece of generate(other, letters(PROMPT), { ...PLAIN, stop: 'quiet', maxTokens: 8 }))
    beginning.push(piece.text);
  assert.equal(beginning, ['t', 'h', 'e', '', '', '', 'quic', 'k']);
});

test('text that is held back when the output ends is given out', async () => {
  const { text, finishReason } = await both(PROMPT, COPY, { stop: ['ickbX'], maxTokens: 9 });
  assert.is(text, 'thequickb');
  assert.is(finishReason, 'length');
});

test('maxTokens ends the output inside a run', async () => {
  for (const maxTokens of [4, 7, 11]) {
    const { text, finishReason, length } = await both(PROMPT, COPY, { maxTokens });
    assert.is(text, COPY.slice(0, maxTokens));
    assert.is(finishReason, 'length');
    assert.is(length, PROMPT.length - 1 + maxTokens);
  }
});

test('stop wins over length when both come with one token', async () => {
  const { finishReason } = await both(PROMPT, COPY, { maxTokens: 9 }, { endTokens: letters('b') });
  assert.is(finishReason, 'stop');
});

test('random ends, stops and limits give the same output with and without drafting (seed 1)', async () => {
  const next = random(1);
  for (let round = 0; round < 60; round++) {
    const vocab = 4 + randomInt(next, 6);
    const language = madeUpLanguage(round, vocab, { order: 1 + randomInt(next, 2) });
    const options: GenerateOptions = {
      maxTokens: 1 + randomInt(next, 40),
      stop: Array.from({ length: randomInt(next, 3) }, () =>
        Array.from({ length: 1 + randomInt(next, 4) }, () => LETTERS[randomInt(next, vocab)]).join(''),
      ),
      logprobs: randomInt(next, 3),
    };
    const endTokens = randomInt(next, 2) === 0 ? [] : [randomInt(next, vocab)];
    const results = [];
    for (const draft of ['none', 'lookup', 'recycle', ['lookup', 'recycle']] as const) {
      const target = new MadeUpTarget(language, { vocab });
      const generation = generate(hostOf(target, { texts: LETTERS, endTokens }), [1, 2, 1, 2, 1], {
        ...options,
        draft,
      });
      const logprobs = [];
      for await (const piece of generation) logprobs.push(...piece.logprobs!);
      const { tokens, finishReason } = generation;
      results.push(JSON.stringify([await generation.text(), tokens, finishReason, target.committed, logprobs]));
    }
    assert.is(new Set(results).size, 1, `round ${round}`);
  }
});

test('log probabilities are those of the raw logits, best alternatives first, one entry for each token', async () => {
  const vocab = 6;
  const language = madeUpLanguage(2, vocab);
  const host = hostOf(new MadeUpTarget(language, { vocab }));
  const path = [1, 2];
  const generation = generate(host, path, { maxTokens: 12, logprobs: 3, temperature: 1.5, topK: 4, seed: 1 });
  for await (const { tokens, logprobs } of generation) {
    assert.is(logprobs!.length, tokens.length);
    tokens.forEach((token, i) => {
      const logits = language(path);
      const normaliser = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
      const { logprob, top, token: chosen } = logprobs![i]!;
      assert.is(chosen, token);
      assert.ok(Math.abs(logprob - (logits[token]! - normaliser)) < 1e-12);
      assert.is(top.length, 3);
      top.forEach((entry, rank) => {
        assert.ok(Math.abs(entry.logprob - (logits[entry.token]! - normaliser)) < 1e-12);
        if (rank > 0) assert.ok(entry.logprob <= top[rank - 1]!.logprob);
      });
      path.push(token);
    });
  }
  const plain = generate(host, [1, 2], { maxTokens: 3 });
  for await (const piece of plain) assert.not('logprobs' in piece);
});

test('statistics count what happened, in the names of vLLM', async () => {
  const { host, target } = reciting(PROMPT, `${COPY}x`);
  const generation = generate(host, letters(PROMPT), { draft: 'lookup', maxTokens: 17 });
  await generation.text();
  const { stats } = generation;
  const nodes = target.passes;
  assert.is(stats.passes, nodes.length);
  assert.is(
    stats.nodes,
    nodes.reduce((a, b) => a + b, 0),
  );
  assert.is(stats.num_draft_tokens, stats.nodes - stats.passes);
  assert.is(stats.num_drafts, nodes.filter((count) => count > 1).length);
  assert.is(stats.newTokens, 17);
  assert.is(stats.num_accepted_tokens, 17 - stats.passes);
  assert.is(stats.mean_acceptance_length, 1 + stats.num_accepted_tokens / stats.num_drafts);
  assert.is(stats.draft_acceptance_rate, stats.num_accepted_tokens / stats.num_draft_tokens);
  const sum = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0);
  assert.is(sum(stats.acceptance_histogram), stats.num_drafts);
  assert.is(
    stats.acceptance_histogram.reduce((total, count, j) => total + j * count, 0),
    stats.num_accepted_tokens,
  );
  assert.is(sum(stats.num_accepted_tokens_per_pos), stats.num_accepted_tokens);
  assert.is(stats.blockEfficiency, 17 / stats.passes);
  assert.is(stats.acceptanceRate.length >= stats.num_accepted_tokens_per_pos.length, true);
  assert.ok(stats.acceptanceRate.every((rate) => rate >= 0 && rate <= 1));
  assert.equal(stats.sources.lookup!.acceptedPerDepth, stats.num_accepted_tokens_per_pos);
  assert.is(stats.sources.lookup!.drafted, stats.num_draft_tokens);
  assert.is(stats.promptTokens, PROMPT.length);
  assert.is(stats.cachedTokens, 0);
  assert.ok(stats.tokensPerSecond > 0 && stats.totalMs >= stats.prefillMs + stats.passMs);
  assert.is(stats.seed, undefined);
  assert.is(stats.schedule, 'up to 15 draft tokens in every pass');
});

test('statistics of plain decoding count no drafts, and a drawn seed is told', async () => {
  const { host } = reciting(PROMPT, COPY);
  const generation = generate(host, letters(PROMPT), { draft: 'none', maxTokens: 5, temperature: 0.5, seed: 11 });
  await generation.text();
  const { stats } = generation;
  assert.is(stats.num_drafts + stats.num_draft_tokens + stats.num_accepted_tokens + stats.draft_acceptance_rate, 0);
  assert.is(stats.mean_acceptance_length, 1);
  assert.is(stats.blockEfficiency, 1);
  assert.is(stats.seed, 11);
  assert.equal(stats.sources, {});
});

test('progress is told in order: prompt positions, then tokens', async () => {
  const target = new MadeUpTarget(madeUpLanguage(1, 5), { vocab: 5, maxNodes: 4 });
  const seen: string[] = [];
  const prompt = Array.from({ length: 11 }, (_, i) => i % 5);
  const onProgress: NonNullable<GenerateOptions['onProgress']> = ({ phase, done, total }) => {
    seen.push(`${phase} ${done}/${total}`);
  };
  await generate(hostOf(target), prompt, { maxTokens: 2, draft: 'none', onProgress }).text();
  assert.equal(seen, ['prefill 4/10', 'prefill 8/10', 'prefill 10/10', 'decode 1/2', 'decode 2/2']);
});

test('prompts are checked before anything runs', () => {
  const target = new MadeUpTarget(madeUpLanguage(1, 5), { vocab: 5, context: 8 });
  const host = hostOf(target);
  const refused: [unknown, string][] = [
    [undefined, 'prompt.type'],
    [null, 'prompt.type'],
    ['text', 'prompt.type'],
    [5, 'prompt.type'],
    [{}, 'prompt.type'],
    [{ length: 2.5 }, 'prompt.type'],
    [[], 'prompt.length'],
    [Array(9).fill(1), 'prompt.length'],
    [{ length: -1 }, 'prompt.length'],
    [{ length: 2 ** 53 }, 'prompt.length'],
    [[1, 5], 'prompt.token'],
    [[-1], 'prompt.token'],
    [[1.5], 'prompt.token'],
    [[NaN], 'prompt.token'],
    [['1'], 'prompt.token'],
    [[null], 'prompt.token'],
    [[Symbol('token')], 'prompt.token'],
    [[Object.create(null)], 'prompt.token'],
    [[undefined], 'prompt.token'],
    [[2 ** 53], 'prompt.token'],
  ];
  for (const [prompt, code] of refused) {
    assert.throws(() => generate(host, prompt as number[]), hasCode(code), JSON.stringify(prompt));
  }
  assert.throws(() => generate(host, [1], { stop: 'x' }), hasCode('option.stop'));
  assert.throws(() => generate(host, [1], { draftTokens: 32 }), hasCode('option.range'));
  assert.equal(target.events, []);
});

test('a typed array is a prompt as well', async () => {
  const language = madeUpLanguage(3, 7);
  const generation = generate(hostOf(new MadeUpTarget(language, { vocab: 7 })), Uint16Array.of(1, 2, 3), {
    maxTokens: 5,
  });
  await generation.text();
  assert.equal(generation.tokens, greedyTokens(language, [1, 2, 3], 5));
});

test.run();
