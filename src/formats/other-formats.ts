/**
 * Other kinds of files that are met where weights are expected.
 * @module
 */

/** Other files that end up in the place of a model, by their first bytes. */
const OTHER_FORMATS: readonly [start: string, what: string][] = [
  ['GGUF', 'a GGUF file'],
  ['PK\x03\x04', 'a zip archive (a PyTorch checkpoint?)'],
  ['\x80\x02', 'a Python pickle (an old PyTorch checkpoint?)'],
  ['\x89HDF', 'an HDF5 file'],
  ['\x1f\x8b', 'a gzip archive'],
  ['version ', 'a Git LFS pointer: the file itself was not downloaded'],
  ['<', 'a web page'],
  ['{', 'a JSON text'],
];

/** What a file is that is not what was expected, by its first bytes, one character each; undefined when they tell nothing. */
export function otherFormat(start: string): string | undefined {
  return OTHER_FORMATS.find(([mark]) => start.startsWith(mark))?.[1];
}
