/**
 * A user's page in the smallest form: loads a model, generates a few tokens and posts them.
 * The address holds ?name=NAME&server=ADDRESS&model=PATH&prompt=JSON; model lies below the test server's address.
 */
import { load } from 'foretoken';

const query = new URLSearchParams(location.search);
const server = query.get('server');

async function generate() {
  const model = await load(`${server}${query.get('model')}`);
  const generation = model.generate(JSON.parse(query.get('prompt')), { maxTokens: 8 });
  await generation.text();
  return { tokens: generation.tokens };
}

const outcome = await generate().catch((error) => ({ error: `${error.name}: ${error.message}` }));
await fetch(`${server}result/${query.get('name')}`, { method: 'POST', body: JSON.stringify(outcome) });
