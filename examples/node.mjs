import { load } from 'foretoken';

const model = await load('foretoken-code'); // or a folder, a URL, files, or bytes by file name
const generation = model.generate('export function clamp(', { maxTokens: 64 });
for await (const { text } of generation) process.stdout.write(text);
console.error(`\n${generation.stats.tokensPerSecond.toFixed(0)} tokens/s`);
