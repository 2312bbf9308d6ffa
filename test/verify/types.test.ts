/** A rule beside a drafter that samples in a way it is not valid for does not compile, and is refused where nobody has compiled. */
import { generate } from '../../src/decode/generate.ts';
import type { GenerateOptions } from '../../src/decode/options.ts';
import type { AnyDrafter, Drafter } from '../../src/draft/drafter.ts';
import { Fused } from '../../src/draft/fused.ts';
import { type DraftSampling, rootOnly } from '../../src/tree/draft-tree.ts';
import {
  exactDraw,
  greedyMultiDraft,
  kSeq,
  lossyJudge,
  lossyLenience,
  lossyTypical,
  speculativeSampling,
  withoutReplacement,
} from '../../src/verify/index.ts';
import { hasCode } from '../codes.ts';
import { assert, test } from '../harness.ts';
import { hostOf } from '../decode/hosts.ts';
import { madeUpLanguage, MadeUpTarget } from '../decode/made-up-target.ts';

function drafterOf<S extends DraftSampling>(sampling: S): Drafter<S> {
  return { name: sampling, sampling, begin() {}, propose: () => rootOnly(1), observe() {} };
}
const plain: Drafter = { name: 'plain', begin() {}, propose: () => rootOnly(1), observe() {} };
const independent = drafterOf('independent');
const distinct = drafterOf('withoutReplacement');
const topAndOne = drafterOf('topAndOne');
const judge = lossyJudge(kSeq, { weights: [1], bias: 0 });

const host = () => hostOf(new MadeUpTarget(madeUpLanguage(1, 5), { vocab: 5 }));
const from = <S extends DraftSampling>(options: GenerateOptions<S>) => generate(host(), [1], options);

test('every valid pair compiles, and runs', async () => {
  const generations = [
    from({ draft: independent, verifier: speculativeSampling }),
    from({ draft: independent, verifier: kSeq }),
    from({ draft: independent, verifier: withoutReplacement }),
    from({ draft: distinct, verifier: withoutReplacement }),
    from({ draft: topAndOne, verifier: greedyMultiDraft }),
    from({ draft: [plain, independent, 'lookup'], verifier: kSeq }),
    from({ draft: 'recycle', verifier: kSeq }),
    from({ draft: 'auto', verifier: greedyMultiDraft }),
    from({ draft: plain, verifier: speculativeSampling }),
    from({ draft: topAndOne, verifier: exactDraw }),
    from({ draft: distinct, verifier: lossyTypical() }),
    from({ draft: independent, verifier: lossyLenience(0.5) }),
    from({ draft: independent, verifier: judge }),
    from({ verifier: kSeq }),
    from({ draft: distinct }),
    from({ draft: new Fused(independent, plain), verifier: kSeq }),
  ];
  assert.is(generations.length, 16);
});

test('every wrong pair is an error of the compiler, and `option.verifier` at once', () => {
  const refuse = (call: () => unknown) => assert.throws(call, hasCode('option.verifier'));
  // @ts-expect-error draws without replacement
  refuse(() => from({ draft: distinct, verifier: speculativeSampling }));
  // @ts-expect-error draws without replacement
  refuse(() => from({ draft: distinct, verifier: kSeq }));
  // @ts-expect-error one of several drafters
  refuse(() => from({ draft: [plain, distinct], verifier: kSeq }));
  // @ts-expect-error draws with replacement
  refuse(() => from({ draft: independent, verifier: greedyMultiDraft }));
  // @ts-expect-error one draw beside the most likely tokens
  refuse(() => from({ draft: topAndOne, verifier: withoutReplacement }));
  // @ts-expect-error lenience compares with the probabilities of independent draws
  refuse(() => from({ draft: distinct, verifier: lossyLenience(0.5) }));
  // @ts-expect-error fused drafts are drawn as the generator draws
  refuse(() => from({ draft: new Fused(topAndOne, plain), verifier: kSeq }));
  assert.throws(
    // @ts-expect-error what is retrieved is chosen
    () => new Fused(plain, independent),
    hasCode('option.range'),
  );
  // @ts-expect-error a judge is valid for what its rule is valid for
  refuse(() => from({ draft: topAndOne, verifier: judge }));
});

test('what is no rule is refused, and a way of sampling that does not exist', () => {
  for (const verifier of [null, 'k-seq', {}, { create: 1 }]) {
    assert.throws(() => from({ verifier } as unknown as GenerateOptions), hasCode('option.type'));
  }
  const strange = { ...plain, sampling: 'sometimes' } as unknown as AnyDrafter;
  assert.throws(() => from({ draft: strange, verifier: exactDraw }), hasCode('option.verifier'));
});

test('numbers of lossy rules are checked', () => {
  for (const lenience of [0, 1.5, NaN]) assert.throws(() => lossyLenience(lenience), hasCode('option.range'));
  assert.throws(() => lossyLenience('1' as unknown as number), hasCode('option.type'));
  assert.throws(() => lossyTypical({ epsilon: 2 }), hasCode('option.range'));
  assert.throws(() => lossyTypical({ delta: '1' as unknown as number }), hasCode('option.type'));
  const head = { weights: [1, 2], bias: 0 };
  assert.throws(() => lossyJudge(kSeq, { ...head, scale: [1, 0] }), hasCode('option.range'));
  assert.throws(() => lossyJudge(kSeq, { ...head, mean: [1] }), hasCode('option.range'));
  assert.throws(() => lossyJudge(kSeq, { weights: [], bias: 0 }), hasCode('option.type'));
  assert.throws(() => lossyJudge(kSeq, head, { threshold: NaN }), hasCode('option.range'));
});

test.run();
