/** `skillsctl keys …`: its commands. */
import type { Command } from 'commander'
import { ceremony, define, examples, reading, signing } from './define.ts'

export function keysCommands(program: Command): void {
  const keys = program
    .command('keys')
    .description('who may sign what, and changing it')
    .helpCommand(false)
    .addHelpText(
      'after',
      examples('skillsctl keys list', 'skillsctl keys show release.key', 'skillsctl keys rotate --help'),
    )
  const load = () => import('./commands/keys.ts')
  define(keys, 'new <file>', 'make a key pair; prints the public key', async () => (await load()).newKey)
    .option('--comment <text>', 'whose key it is')
    .addHelpText('after', examples('skillsctl keys new ~/.config/skillsctl/keys/alice.key --comment alice'))
  define(
    keys,
    'show <file>',
    'print the public key and key id of a key file',
    async () => (await load()).showKey,
  ).addHelpText('after', examples('skillsctl keys show release.key'))
  reading(define(keys, 'list', 'who may sign what', async () => (await load()).listKeys)).addHelpText(
    'after',
    examples('skillsctl keys list'),
  )
  ceremony(
    define(
      keys,
      'add <channel> <public-key>',
      'let somebody sign for a channel',
      async () => (await load()).addKey,
    ),
  ).addHelpText('after', examples('skillsctl keys add stable <public-key> --root-key r.json --key me.key'))
  ceremony(
    define(keys, 'remove <channel> <key-id>', 'take that away', async () => (await load()).removeKey),
  ).addHelpText('after', examples('skillsctl keys remove stable 1f2e3d4c --root-key r.json --key me.key'))
  ceremony(
    define(
      keys,
      'threshold <channel> <count>',
      'ask for several signers',
      async () => (await load()).setThreshold,
    ),
  ).addHelpText('after', examples('skillsctl keys threshold stable 2 --root-key r.json --key me.key'))
  signing(
    define(
      keys,
      'cosign <channel>',
      'add your signature, so that the threshold can be raised',
      async () => (await load()).cosign,
    ),
  ).addHelpText('after', examples('skillsctl keys cosign stable --key alice.key'))
  ceremony(
    define(
      keys,
      'rotate <old-key-file> <new-key-file>',
      'replace a key everywhere it is listed',
      async () => (await load()).rotate,
    ),
  ).addHelpText(
    'after',
    examples(
      'skillsctl keys rotate ci.key ci-2.key --root-key r.json',
      'skillsctl keys rotate root.sealed.json root-2.sealed.json --key ci.key',
    ),
  )
  ceremony(
    define(
      keys,
      'renew',
      'sign root and targets anew, long before they expire',
      async () => (await load()).renewRoot,
    ),
  ).addHelpText('after', examples('skillsctl keys renew --root-key r.json --key ci.key'))
}
