/**
 * The output of a generation: tokens, text, and what ends it. Tokens come one at a time, in the order of plain decoding, however many a pass has decided.
 * @module
 */
import type { ChosenLogprob } from './logprobs.ts';
import type { Settings } from './options.ts';
import { StopStrings } from './stop-strings.ts';

/**
 * Why a generation ended: the target chose an end-of-text token or the text reached a stop string; `maxTokens` or the context was used up; or
 * it was aborted, broken off or failed.
 */
export type FinishReason = 'stop' | 'length' | 'abort';

/** What one pass added. */
export interface Piece {
  /** Text that is final; what could be the beginning of a stop string, or of a character, waits for a later piece. */
  readonly text: string;
  /** Every token that the target chose, the end-of-text token and those of a stop string included. */
  readonly tokens: readonly number[];
  /** One for each token, when asked for. */
  readonly logprobs?: readonly ChosenLogprob[];
}

/** Turns tokens into text as they come: whole characters only. */
export interface StreamingDetokenizer {
  push(token: number): string;
  /** At the end: what an unfinished character leaves behind. */
  flush(): string;
}

export class Output {
  readonly #maxTokens: number;
  readonly #endTokens: readonly number[];
  readonly #detokenizer: StreamingDetokenizer | undefined;
  readonly #stops: StopStrings;
  readonly #tokens: number[] = [];
  readonly #logprobs: ChosenLogprob[] = [];
  #text = '';
  #finishReason: FinishReason | undefined;
  /** Where the next piece begins. */
  #sent = { tokens: 0, text: 0 };

  /** @param detokenizer without one the text stays empty */
  constructor(settings: Settings, endTokens: readonly number[], detokenizer: StreamingDetokenizer | undefined) {
    this.#maxTokens = settings.maxTokens;
    this.#endTokens = endTokens;
    this.#detokenizer = detokenizer;
    this.#stops = new StopStrings(settings.stop);
  }

  get tokens(): readonly number[] {
    return this.#tokens;
  }

  get text(): string {
    return this.#text;
  }

  get finishReason(): FinishReason | undefined {
    return this.#finishReason;
  }

  /** Tokens that may still come. */
  get room(): number {
    return this.#maxTokens - this.#tokens.length;
  }

  /** Takes a token; the output may end with it. */
  add(token: number, logprob?: ChosenLogprob): void {
    this.#tokens.push(token);
    if (logprob) this.#logprobs.push(logprob);
    const ends = this.#endTokens.includes(token);
    if (!ends && this.#detokenizer) this.#text += this.#stops.push(this.#detokenizer.push(token));
    if (ends || this.#stops.stopped) this.end('stop');
    else if (this.room === 0) this.end('length');
  }

  /** Ends the output, if it has not ended yet: held text is let go. */
  end(reason: FinishReason): void {
    if (this.#finishReason) return;
    this.#finishReason = reason;
    if (this.#detokenizer) this.#text += this.#stops.push(this.#detokenizer.flush());
    this.#text += this.#stops.flush();
  }

  /** What was added since the last piece. */
  takePiece(): Piece {
    const { tokens, text } = this.#sent;
    this.#sent = { tokens: this.#tokens.length, text: this.#text.length };
    return {
      text: this.#text.slice(text),
      tokens: this.#tokens.slice(tokens),
      ...(this.#logprobs.length > 0 && { logprobs: this.#logprobs.slice(tokens) }),
    };
  }
}
