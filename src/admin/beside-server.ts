// beside-server: `kvasir-server --admin-port N`: the admin as a process of its own that ends with the server, so that nothing
// that it does takes time from the server's loop.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The server as the admin needs it. */
export interface LocalServer {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  log(level: 'warning', text: string): void;
}

/** Starts the admin with the server in its list. `program`: kvasir-admin's file. */
export function startBeside(server: LocalServer, adminPort: string, program: URL): void {
  const words = [fileURLToPath(program), '--port', adminPort, '--server', `this server=${server.host}:${server.port}`];
  const child = spawn(process.execPath, words, {
    // The channel tells the admin when the server is gone, however it went.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // Not on the command line, which everybody on the machine can read.
    env: { ...process.env, REDISCLI_AUTH: server.password },
  });
  child.on('error', (error) => server.log('warning', `cannot start kvasir-admin: ${error.message}`));
  child.on('exit', (code) => server.log('warning', `kvasir-admin has ended with status ${code ?? 'unknown'}`));
  child.unref();
  child.channel?.unref();
}
