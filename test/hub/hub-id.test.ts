/** Ids of models on a hub. */
import { hasCode } from '../codes.ts';
import { parseHubId } from '../../src/hub/hub-id.ts';
import { assert, test } from '../harness.ts';

const given = (owner: string, name: string, revision: string, path: string) => ({ owner, name, revision, path });

test('an id has an owner and a name, and may have a path and a revision', () => {
  assert.equal(parseHubId('hf:owner/name'), given('owner', 'name', 'main', ''));
  assert.equal(parseHubId('hf:Owner-1/na_me.v2@v1.0'), given('Owner-1', 'na_me.v2', 'v1.0', ''));
  assert.equal(parseHubId('hf:owner/name@refs/pr/1'), given('owner', 'name', 'refs/pr/1', ''));
  assert.equal(parseHubId('hf:owner/name/q8/a b.gguf@main'), given('owner', 'name', 'main', 'q8/a b.gguf'));
});

for (const id of [
  ...['hf:', 'hf:name', 'hf:/name', 'hf:owner/', 'hf://owner/name', 'hf:owner/name@', 'hf:owner/name@a b'],
  ...['hf:../name', 'hf:owner/..', 'hf:-x/name', 'hf:owner/na me', 'hf:owner/name@../../x', 'hf:owner/name@a//b'],
  'hf:owner/name@?x',
]) {
  test(`${id} is no id`, () => assert.throws(() => parseHubId(id), hasCode('hub.id')));
}

for (const id of ['hf:owner/name/../x', 'hf:owner/name/a\\b.gguf', 'hf:owner/name/a//b']) {
  test(`the path of ${id} leads out of the repository`, () =>
    assert.throws(() => parseHubId(id), hasCode('source.name')));
}

test.run();
