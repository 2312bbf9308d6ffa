/**
 * Spec-Bench's questions: 480 prompts of six tasks.
 * Source: Xia et al., 2024, arXiv 2401.07851; the file is theirs, see README.md.
 * @module
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchModel } from '../../src/cli/bench-model.ts';
import type { SetCase } from '../shared/prompt-set.ts';
import { repository } from '../shared/prompts.ts';

const SHA256 = '4b6d33e79484f9841c487ee87d1cf6aa8c6066f61d5d482ff09e5a007fafdf04';

export const TASKS = ['mt-bench', 'translation', 'summarization', 'qa', 'math', 'rag'] as const;
export type Task = (typeof TASKS)[number];

/** Categories whose name is not their task's; those of MT-Bench, eight of ten questions each, are all that stand nowhere here. */
const TASK_OF: Readonly<Record<string, Task>> = {
  translation: 'translation',
  summarization: 'summarization',
  qa: 'qa',
  math_reasoning: 'math',
  rag: 'rag',
};

export interface Question {
  readonly question_id: number;
  readonly category: string;
  /** What the user says, in one or two turns. */
  readonly turns: readonly string[];
}

/** @throws where the file is not the one that was published */
export function questions(): Question[] {
  const bytes = readFileSync(join(repository, 'bench/spec-bench/question.jsonl'));
  const hash = createHash('sha256').update(bytes).digest('hex');
  if (hash !== SHA256) throw new Error(`question.jsonl: SHA-256 ${hash}, expected ${SHA256}`);
  return bytes
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Question);
}

/** @param count at most so many, evenly spread: of MT-Bench that is some of each category */
export function questionsOf(task: Task, count: number): Question[] {
  const all = questions().filter(({ category }) => (TASK_OF[category] ?? 'mt-bench') === task);
  const most = Math.min(count, all.length);
  return Array.from({ length: most }, (_, i) => all[Math.floor((i * all.length) / most)]!);
}

/** The first turn in the form that Spec-Bench gives its models (vicuna_v1.1 of FastChat). */
export function vicunaPrompt({ turns }: Question): string {
  const system =
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user's questions.";
  return `${system} USER: ${turns[0]} ASSISTANT:`;
}

/**
 * A prompt that is too long loses its middle: what is asked stands at its beginning, and where the answer goes at its end.
 * @param room tokens that it may have, at least 2
 */
export function cutPrompt(ids: readonly number[], room: number): readonly number[] {
  if (ids.length <= room) return ids;
  const end = Math.floor(room / 2);
  return [...ids.slice(0, room - end), ...ids.slice(ids.length - end)];
}

/** Greedy, cut to the model's context. */
export function questionCases(model: BenchModel, task: Task, count: number, maxTokens: number): SetCase[] {
  const room = model.session.context - maxTokens;
  return questionsOf(task, count).map((question) => ({
    id: String(question.question_id),
    kind: task,
    ids: cutPrompt(model.encode(vicunaPrompt(question)), room),
    options: { maxTokens },
  }));
}
