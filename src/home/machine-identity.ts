/**
 * Which machine a home belongs to: what the operating system calls this installation, hashed with the home's own random
 * id, so that a copy of the home notices and nobody learns the name itself.
 */
import { readFileSync } from 'node:fs'
import { sha256Hex } from '../trust/digest.ts'
import type { MachineConfig } from './config.ts'

/** Field of `config.json`. */
const FIELD = 'identity'

/** What the operating system calls this installation; undefined where it has no name, as in many containers. */
export function readMachineId(): string | undefined {
  const name = process.platform === 'darwin' ? platformUuid() : systemdId()
  return name === undefined || name === '' || name === 'uninitialized' ? undefined : name
}

function systemdId(): string | undefined {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      return readFileSync(path, 'utf8').trim()
    } catch {
      // Not every system has either.
    }
  }
  return undefined
}

function platformUuid(): string | undefined {
  try {
    const told = process
      .getBuiltinModule('node:child_process')
      .execFileSync('/usr/sbin/ioreg', ['-rd1', '-c', 'IOPlatformExpertDevice'], {
        encoding: 'utf8',
        timeout: 5_000,
      })
    return /"IOPlatformUUID" = "([^"]+)"/.exec(told)?.[1]
  } catch {
    // A sandbox that may start no program: nobody can tell.
    return undefined
  }
}

export function identityOf(machine: string, machineId: string): string {
  return sha256Hex(`skillsctl-machine-identity/1\n${machine}\n${machineId}`)
}

/** As it was noted when the machine joined; undefined in homes that are older than this field. */
export function notedIdentity({ raw }: Pick<MachineConfig, 'raw'>): string | undefined {
  const noted = raw[FIELD]
  return typeof noted === 'string' ? noted : undefined
}

/** The same configuration, for this machine. */
export function withIdentity(config: MachineConfig, machineId: string | undefined): MachineConfig {
  const { [FIELD]: _former, ...raw } = config.raw
  return {
    ...config,
    raw: machineId === undefined ? raw : { ...raw, [FIELD]: identityOf(config.machine, machineId) },
  }
}
