/**
 * What the checks of this repository use of the package besides its public face, so that they run on what is packed. Not exported.
 * @module
 */
export { loadTransformer } from './model/load-transformer.ts';
