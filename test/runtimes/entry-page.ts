/**
 * Browsers: page.html?name=NAME, given out by the test server.
 * @module
 */
import { runAndPost } from './outcome.ts';

const name = new URLSearchParams(location.search).get('name') ?? 'page';
await runAndPost(name, { base: `${location.origin}/` });
