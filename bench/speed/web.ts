/** The web server on loopback: nginx with git's own smart HTTP behind it where both are installed, else Node. */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Daemon, freePort, isInstalled, run } from './processes.ts'

export interface WebServer {
  readonly kind: string
  readonly port: number
  close(): Promise<void>
}

const NODE_SERVER = fileURLToPath(new URL('./node-web.js', import.meta.url))

/** @param root may be a link that is changed while the server runs */
export async function startWebServer(root: string, work: string, env: NodeJS.ProcessEnv): Promise<WebServer> {
  const backend = join(
    (await run({ program: 'git', args: ['--exec-path'] }, { env })).trim(),
    'git-http-backend',
  )
  const programs = await Promise.all(['nginx', 'fcgiwrap'].map((program) => isInstalled(program, env)))
  return programs.every(Boolean)
    ? startNginx({ root, work, backend }, env)
    : startNode({ root, backend }, env)
}

interface Place {
  readonly root: string
  /** `git-http-backend` */
  readonly backend: string
}

async function startNginx(
  { root, work, backend }: Place & { work: string },
  env: NodeJS.ProcessEnv,
): Promise<WebServer> {
  const directory = join(work, 'nginx')
  await mkdir(directory)
  const [port, socket, path] = [await freePort(), join(directory, 'cgi'), join(directory, 'nginx.conf')]
  await writeFile(path, configuration({ root, backend, directory, port, socket }))
  const cgi = new Daemon({ program: 'fcgiwrap', args: ['-c', '2', '-s', `unix:${socket}`] }, env)
  await cgi.until(() => isThere(socket))
  const nginx = new Daemon({ program: 'nginx', args: ['-p', directory, '-e', 'error.log', '-c', path] }, env)
  await nginx.until(() => answers(port))
  return {
    kind: 'nginx',
    port,
    async close() {
      await nginx.stop()
      await cgi.stop()
    },
  }
}

function configuration(at: Place & { directory: string; port: number; socket: string }): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `  ${kind}_temp_path ${at.directory}/${kind};`,
  )
  return `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 2;
pid ${at.directory}/pid;
events { worker_connections 256; }
http {
  access_log off;
  sendfile on;
  default_type application/octet-stream;
${temporary.join('\n')}
  server {
    listen 127.0.0.1:${at.port};
    root ${at.root};
    location /repo.git/ {
      fastcgi_pass unix:${at.socket};
      fastcgi_param SCRIPT_FILENAME ${at.backend};
      fastcgi_param GIT_PROJECT_ROOT ${at.root};
      fastcgi_param GIT_HTTP_EXPORT_ALL 1;
      fastcgi_param GIT_PROTOCOL $http_git_protocol;
      fastcgi_param PATH_INFO $uri;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param CONTENT_TYPE $content_type;
      fastcgi_param CONTENT_LENGTH $content_length;
    }
  }
}
`
}

async function startNode({ root, backend }: Place, env: NodeJS.ProcessEnv): Promise<WebServer> {
  const child = fork(NODE_SERVER, [root, backend], { env })
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(Number(message)))
    child.once('exit', (code) => reject(new Error(`the web server ended with ${code}`)))
  })
  return { kind: 'node', port, close: () => disconnected(child) }
}

async function disconnected(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.disconnect()
  await ended
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
