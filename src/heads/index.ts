/**
 * Draft heads: small networks on top of a model's hidden state that guess its next tokens, as drafters; the subpath `foretoken/heads`.
 *
 * @example
 * const model = await load('weights/foretoken-code');
 * const head = await loadHead('heads/hydra', model);
 * for await (const { text } of model.generate(prompt, { draft: head })) write(text);
 * @module
 */
export {
  type HeadConfig,
  type HeadKind,
  headConfigJson,
  headShapes,
  type PrefixConfig,
  parseHeadConfig,
} from './format.ts';
export type { HeadDrafter } from './head-drafter.ts';
export { type HeadOptions, type HeadTarget, loadHead } from './load-head.ts';
export { type Accuracy, chooseTree, expectedTokens, PUBLISHED_TREES, type RankPath } from './tree-choices.ts';
export {
  type BeamOptions,
  beamTree,
  fixedTree,
  type HeadTree,
  likeliestTree,
  type WidthOptions,
} from './trees.ts';
