/**
 * Browsers: hub.html?name=NAME&hub=URL&branch=ID&commit=ID&token=TOKEN, given out by the test server.
 * @module
 */
import { loadAndPost, loadFromHub } from './hub-load.ts';

const query = new URLSearchParams(location.search);
const asked = (name: string) => query.get(name) ?? '';
const ids = { branch: asked('branch'), commit: asked('commit') };
// By default pages keep downloads in a cache of the package's own name.
const loading = loadFromHub(ids, { url: asked('hub'), token: asked('token') }, 'another-cache');
await loadAndPost(asked('name'), `${location.origin}/`, loading);
