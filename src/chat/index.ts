/**
 * What is needed to see or change how a model is chatted with; `model.chat` needs none of it.
 *
 * @example
 * import { chatPrompt } from 'foretoken/chat';
 * const { text, tokens } = await chatPrompt(model, [{ role: 'user', content: 'Hello' }]);
 * @module
 */
export { type ChatOptions, type ChatPrompt, chatPrompt, type PromptOptions } from './chat.ts';
export type { JinjaTemplate } from './jinja.ts';
export type { ChatMessage, ChatRole, ToolCall, ToolDefinition } from './messages.ts';
export type { TemplateName } from './templates.ts';
