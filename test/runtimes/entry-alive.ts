/**
 * A page with a button, which generates until the button is clicked: alive.html, given out by the test server.
 * @module
 */
import { load } from '../../src/index.ts';

const tell = (name: string, value: unknown) =>
  fetch(`/result/${name}`, { method: 'POST', body: JSON.stringify(value) });

const model = await load('/weights/foretoken-code/');
const controller = new AbortController();
let clicked = { delayMs: -1, tokens: -1 };

// Greedy text of so small a model soon repeats itself, and does not end.
const generation = model.generate('export function', { maxTokens: 2000, draft: 'none', signal: controller.signal });
document.querySelector('button')!.addEventListener('click', (event) => {
  clicked = { delayMs: performance.now() - event.timeStamp, tokens: generation.tokens.length };
  controller.abort();
});

let pieces = 0;
try {
  for await (const _ of generation) if (++pieces === 1) await tell('alive-started', {});
  await tell('alive', { error: 'none: the text ended before the click' });
} catch (error) {
  await tell('alive', { ...clicked, error: (error as Error).name, tokensAtEnd: generation.tokens.length });
}
