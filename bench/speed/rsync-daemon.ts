import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Daemon, freePort, isInstalled } from './processes.ts'
import { answers } from './web.ts'

export interface RsyncServer {
  /** 0 when rsync is not installed. */
  readonly port: number
  close(): Promise<void>
}

export async function startRsync(root: string, work: string, env: NodeJS.ProcessEnv): Promise<RsyncServer> {
  if (!(await isInstalled('rsync', env))) return { port: 0, close: async () => {} }
  const [port, path] = [await freePort(), join(work, 'rsyncd.conf')]
  const user = process.getuid?.() === 0 ? 'uid = root\ngid = root\n' : ''
  await writeFile(
    path,
    `use chroot = no\nreverse lookup = no\n${user}[live]\npath = ${root}\nread only = yes\n`,
  )
  const args = ['--daemon', '--no-detach', `--config=${path}`, `--port=${port}`, '--address=127.0.0.1']
  const daemon = new Daemon({ program: 'rsync', args: [...args, '--log-file=/dev/null'] }, env)
  await daemon.until(() => answers(port))
  return { port, close: () => daemon.stop() }
}
