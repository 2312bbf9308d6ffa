/**
 * Foretoken: transformer language models with tree speculative decoding, in plain TypeScript and WebAssembly SIMD.
 *
 * @example
 * const model = await load('foretoken-code');
 * for await (const { text } of model.generate('export function', { maxTokens: 128 })) write(text);
 * @module
 */
export type { ChatOptions } from './chat/chat.ts';
export type { ChatMessage, ToolCall, ToolDefinition } from './chat/messages.ts';
export type { Completion, CompletionsOptions } from './completions.ts';
export type { Generation } from './decode/generation.ts';
export type { DraftOption, GenerateOptions, Prediction, Progress } from './decode/options.ts';
export type { FinishReason, Piece } from './decode/output.ts';
export type { GenerationStats } from './decode/stats.ts';
export type { DraftedNode, StepReport } from './decode/step-report.ts';
export type { AnyDrafter, DraftedModel, Drafter, Outlook, StepRecord } from './draft/drafter.ts';
export type { EmbedOptions } from './embed.ts';
export { createEngine, type Engine, type EngineOptions } from './engine/engine.ts';
export type { WorkerLike } from './runtime/workers.ts';
export { ForetokenError } from './errors.ts';
export type { HubOptions, HubStore } from './hub/options.ts';
export { type EstimateOptions, estimate, type LoadOptions, load } from './load.ts';
export type { LoadProgress } from './model/load-weights.ts';
export type { Target, TargetRows } from './model/target.ts';
export type { Conversation, MemoryUse, Model, Prompt, Snapshot } from './model.ts';
export type { Draw, DraftSampling, DraftTree } from './tree/draft-tree.ts';
export type { AcceptanceRule, Guarantee } from './verify/verifier.ts';
