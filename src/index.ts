// The public face of the package: servers inside your own process.

export { startServer, type EmbeddedServer, type StartOptions } from './embed/start-server.js';
