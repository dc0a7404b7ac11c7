/**
 * Ends the program with one clear line when Node is too old. Every script imports this first, and it uses nothing that an
 * old Node lacks: a missing name in an import would fail before the line could be printed.
 */

const needed = [20, 19]
const [major, minor] = process.versions.node.split('.').map(Number)

if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  console.error(
    '✗ tokenstile needs Node ' +
      needed.join('.') +
      ' or newer, and this is ' +
      process.versions.node +
      '. Install a current Node (https://nodejs.org) and run the command again.',
  )
  process.exit(1)
}
