/**
 * Models by the names that benchmarks take: a shape of random weights, or a folder.
 * @module
 */
import { join } from 'node:path';
import { randomModel, SHAPES } from '../../src/cli/random-model.ts';
import type { FolderInput } from '../../src/formats/folder.ts';
import { repository } from './prompts.ts';

const SHIPPED = ['foretoken-code', 'foretoken-code-28m'];

/** @param name a name of SHAPES or of a model in `weights/`, or a path */
export function modelSource(name: string): FolderInput {
  const shape = SHAPES[name];
  if (shape) return randomModel(shape);
  return SHIPPED.includes(name) ? join(repository, 'weights', name) : name;
}
