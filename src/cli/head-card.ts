/**
 * What stands beside a trained head: a card for readers, and the curves of its training.
 * @module
 */
import { chainLength } from '../train/heads/accuracy.ts';
import type { TrainedHead } from '../train/heads/head-run.ts';
import { type Chart, svgChart } from './chart.ts';
import { bytesText, counted, countText, figure } from './table.ts';

export interface CardFacts {
  readonly model: string;
  /** As they were given to the command. */
  readonly data: readonly string[];
  readonly dataFiles: number;
  readonly dataBytes: number;
  /** The command that trains it again. */
  readonly command: string;
  /** Processors, and how many threads of them were used. */
  readonly machine: string;
}

const NAMES = { medusa: 'Medusa', hydra: 'Hydra', 'hydra++': 'Hydra++', recurrent: 'recurrent (ReDrafter)' } as const;
const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
/** Ranks that a card shows. */
const SHOWN = 5;
/** Points of a curve. */
const POINTS = 100;

export function headCard({ config, recipe, stored, history, ...head }: TrainedHead, facts: CardFacts): string {
  const accuracy = config.accuracy!;
  const begin = history.evaluations[0]!;
  const ranks = Math.min(SHOWN, accuracy[0]!.length);
  const rows = accuracy.map((shares, i) => {
    const any = shares.slice(0, ranks).reduce((sum, share) => sum + share, 0);
    return `| ${i + 1} | ${[...shares.slice(0, ranks), any].map(percent).join(' | ')} | ${percent(begin.accuracy[i]![0]!)} |`;
  });
  const vocabulary =
    config.draftVocab === undefined ? `all ${config.vocab} tokens` : `the ${config.draftVocab} most frequent tokens`;
  const learnt = recipe.loss === 'text' ? 'the tokens of the texts' : `the target's probabilities (${recipe.loss})`;
  const written = recipe.onPolicy
    ? ` The target wrote them itself, each from the first ${recipe.onPolicy.prompt} tokens of a window, at temperature ${recipe.onPolicy.temperature}.`
    : '';
  const size = head.files.get('model.safetensors')!.length;
  return `# ${NAMES[config.kind]} heads for ${facts.model}

${counted(config.heads, 'draft head')}, ${counted(config.layers, 'residual block')}, guessing among ${vocabulary}; ${stored}, ${bytesText(size)}.
\`foretoken generate --draft-heads FOLDER\` drafts with them.

## Accuracy

How often the guess of a rank is what the target itself says, on ${head.windows.heldOut} windows of ${recipe.length} tokens that were held out. A chain of the best guesses gives
${figure(chainLength(accuracy))} tokens in a pass, ${figure(begin.chainLength)} before training.

| token behind the target's own | ${Array.from({ length: ranks }, (_, i) => `rank ${i + 1}`).join(' | ')} | any of these | rank 1 before training |
|---|${'---|'.repeat(ranks + 2)}
${rows.join('\n')}

![loss](loss.svg) ![accuracy](accuracy.svg)

## Training

Data: ${facts.data.map((place) => `\`${place}\``).join(', ')}: ${counted(facts.dataFiles, 'text')}, ${bytesText(facts.dataBytes)}, ${countText(head.tokens)} tokens to train on.${written}
The heads learnt ${learnt}. ${recipe.steps} updates of ${recipe.batch} windows took ${duration(history.seconds)} on ${facts.machine}.

\`\`\`
${facts.command}
\`\`\`
`;
}

/** Whole seconds below two minutes, else whole minutes. */
export function duration(seconds: number): string {
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** The curves as SVG, by the names of their files. */
export function headCharts({ history, config }: TrainedHead): Map<string, string> {
  const { losses, evaluations } = history;
  const loss: Chart = {
    ...{ name: 'loss', title: 'Loss of the heads', x: 'updates', y: 'loss' },
    series: [
      { name: 'training', points: thinned(losses) },
      { name: 'held out', points: evaluations.map(({ step, loss: y }) => ({ x: step, y })) },
    ],
  };
  const accuracy: Chart = {
    ...{ name: 'accuracy', title: 'Best guesses that the target says, held out', x: 'updates', y: 'share' },
    series: Array.from({ length: config.heads }, (_, i) => ({
      name: `token ${i + 1}`,
      points: evaluations.map(({ step, accuracy: shares }) => ({ x: step, y: shares[i]![0]! })),
    })),
  };
  return new Map([loss, accuracy].map((chart) => [`${chart.name}.svg`, svgChart(chart)]));
}

/** Means of equal parts. */
function thinned(losses: readonly number[]): { x: number; y: number }[] {
  const part = Math.ceil(losses.length / POINTS);
  return Array.from({ length: Math.ceil(losses.length / part) }, (_, i) => {
    const some = losses.slice(i * part, (i + 1) * part);
    return { x: i * part + some.length, y: some.reduce((sum, loss) => sum + loss, 0) / some.length };
  });
}
