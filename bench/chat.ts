/**
 * How long until the first token of a later turn, with the cache kept between turns and without?
 * Usage: node bench/chat.ts [--models foretoken-code,135m] [--dtype q8] [--turns 6] [--question 48] [--answer 32] [--rounds 5] [--out FILE]
 *
 * Each turn adds a question of so many tokens and the answer to it. With the cache all turns run in one conversation, without it each runs in a
 * new one. Both give the same tokens, which is checked; they take turns. Writing a chat out and encoding it, which either way takes the same, is
 * left out: so models need no tokenizer.
 */
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { load } from '../src/load.ts';
import type { Conversation } from '../src/model.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import { modelSource } from './shared/models.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({
  ...{ models: 'foretoken-code,135m', dtype: 'q8' },
  ...{ turns: '6', question: '48', answer: '32', rounds: '5' },
});
const report = new Report(
  'chat',
  'How long until the first token of a later turn, with the cache kept between turns and without?',
);
const [turns, question, answer, rounds] = [options.turns, options.question, options.answer, options.rounds].map(
  Number,
) as [number, number, number, number];

interface Answer {
  readonly tokens: readonly number[];
  readonly firstMs: number;
  readonly cachedTokens: number;
}

async function ask(conversation: Conversation, prompt: readonly number[]): Promise<Answer> {
  const started = performance.now();
  const generation = conversation.generate(prompt, { maxTokens: answer, draft: 'none' });
  let firstMs = 0;
  for await (const _ of generation) firstMs ||= performance.now() - started;
  return { tokens: generation.tokens, firstMs, cachedTokens: generation.stats.cachedTokens };
}

for (const name of options.models.split(',')) {
  const context = turns * (question + answer);
  const model = await load(modelSource(name), { dtype: options.dtype as WeightType, context, sessions: 2 });
  const times = Array.from({ length: turns }, () => ({
    cached: [] as number[],
    fresh: [] as number[],
    prompt: 0,
    known: 0,
  }));
  for (let round = 0; round <= rounds; round++) {
    const kept = model.conversation();
    const history: number[] = [];
    for (const [turn, time] of times.entries()) {
      for (let i = 0; i < question; i++) history.push(((turn * question + i) * 31 + 7) % 500);
      const cached = await ask(kept, history);
      const alone = model.conversation();
      const fresh = await ask(alone, history);
      alone.dispose();
      if (cached.tokens.join() !== fresh.tokens.join())
        throw new Error(`turn ${turn + 1}: other tokens with the cache`);
      time.prompt = history.length;
      time.known = cached.cachedTokens;
      history.push(...cached.tokens);
      if (round === 0) continue;
      time.cached.push(cached.firstMs);
      time.fresh.push(fresh.firstMs);
    }
    kept.dispose();
  }
  model.dispose();
  report.table(
    `${name}, ${options.dtype}: milliseconds to the first token, one thread; medians of ${rounds} interleaved rounds`,
    [
      ['turn', 'prompt tokens', 'in the cache', 'with the cache', 'without', 'times'],
      ...times.map(({ prompt, known, cached, fresh }, turn) => [
        String(turn + 1),
        String(prompt),
        String(known),
        figure(median(cached)),
        figure(median(fresh)),
        figure(median(fresh) / median(cached)),
      ]),
    ],
  );
}
report.close(options.out);
