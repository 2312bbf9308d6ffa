/**
 * A user's page in the smallest form: loads a model and posts the first pieces of text.
 * The address holds ?name=NAME&server=ADDRESS of the test server.
 */
import { load } from 'foretoken';

const query = new URLSearchParams(location.search);
const server = query.get('server');

async function firstTokens() {
  const model = await load(`${server}weights/foretoken-code/`);
  const tokens = [];
  for await (const piece of model.generate('export function', { maxTokens: 8, draft: 'auto' }))
    tokens.push(piece.token);
  return { tokens };
}

const outcome = await firstTokens().catch((error) => ({ error: `${error.name}: ${error.message}` }));
await fetch(`${server}result/${query.get('name')}`, { method: 'POST', body: JSON.stringify(outcome) });
