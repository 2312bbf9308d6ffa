/**
 * The page of one contestant; hosts/page.ts calls `answer`.
 * @module
 */
import { answer } from '../hosts/answer.ts';

Object.assign(globalThis, { answer });
