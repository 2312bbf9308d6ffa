/**
 * A user's page in the smallest form: loads a model, generates a few tokens and posts them.
 * The address holds ?name=NAME&server=ADDRESS&model=PATH&prompt=JSON&threads=N[&worker=ADDRESS]; model lies below the test server's address.
 */
import { load } from 'foretoken';

const query = new URLSearchParams(location.search);
const server = query.get('server');

async function generate() {
  const worker = query.get('worker');
  const model = await load(`${server}${query.get('model')}`, {
    threads: Number(query.get('threads')),
    ...(worker && { worker: () => new Worker(worker, { type: 'module' }) }),
  });
  const generation = model.generate(JSON.parse(query.get('prompt')), { maxTokens: 8 });
  await generation.text();
  return { tokens: generation.tokens, threads: model.threads };
}

const outcome = await generate().catch((error) => ({ error: `${error.code ?? error.name}: ${error.message}` }));
await fetch(`${server}result/${query.get('name')}`, { method: 'POST', body: JSON.stringify(outcome) });
