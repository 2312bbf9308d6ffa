// Node 20.16 or newer: node examples/node.mjs
import process from 'node:process';
import { load } from 'foretoken';

const model = await load('foretoken-code');
const generation = model.generate('export function clamp(', { maxTokens: 48 });
for await (const { text } of generation) process.stdout.write(text);
process.stdout.write('\n');
console.error(generation.stats);
model.dispose();
