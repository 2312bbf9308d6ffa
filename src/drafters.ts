/**
 * Drafters and their parts, for those who compose their own: the subpath `foretoken/drafters`. `draft` takes any of them, by its name or as an object.
 *
 * @example
 * const store = await openStore('notes.store');
 * model.generate(prompt, { draft: ['auto', store.drafter()] });
 * @example
 * model.generate(prompt, { draft: new Fused(new Aded({ reward: 'published' }), new Automaton(2048)) });
 * @module
 */
export { Aded, type AdedOptions } from './draft/aded.ts';
export { Automaton, type AutomatonOptions } from './draft/automaton.ts';
export { Fused, type FuseOptions, pruneBy } from './draft/fused.ts';
export { Lookahead, type LookaheadOptions } from './draft/lookahead.ts';
export { Lookup } from './draft/lookup.ts';
export { Recycle } from './draft/recycle.ts';
export { Reference } from './draft/reference.ts';
export { Retrieval, type RetrievalOptions } from './draft/retrieval.ts';
export { Superposed, type SuperposedOptions } from './draft/superposed.ts';
export type { Reward } from './draft/trigram-search.ts';
export { Draws } from './tree/draws.ts';
export { StoreBuilder } from './store/build.ts';
export { openStore, type StoreOptions, type TextStore } from './store/store.ts';
