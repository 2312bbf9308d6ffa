// Trains a Medusa head for the model of this package on a text that the page sends, and sends lines and files back.
// With a bundler: import { trainHead } from 'foretoken/train'. A worker knows no import map.
import { trainHead } from '/dist/train/index.js';

const controller = new AbortController();

addEventListener('message', async ({ data }) => {
  if (data === 'stop') return controller.abort();
  try {
    const { files } = await trainHead(new URL('/weights/foretoken-code/', location.href), {
      kind: 'medusa',
      heads: 2,
      draftVocab: 256,
      texts: [data.text],
      steps: data.steps,
      length: data.length,
      heldOut: 4,
      signal: controller.signal,
      onProgress: ({ step, steps, loss }) => postMessage({ line: `step ${step} of ${steps}, loss ${loss.toFixed(2)}` }),
      onEvaluation: ({ step, chainLength }) =>
        postMessage({ line: `after ${step} steps: ${chainLength.toFixed(2)} tokens a pass` }),
    });
    postMessage({ files: [...files], ended: true });
  } catch (error) {
    postMessage({ line: controller.signal.aborted ? 'stopped' : String(error), ended: true });
  }
});
