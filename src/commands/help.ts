// help: HELP replies, for the commands of this layer.

export { replyHelp } from '../registry/help.js';
