/** Runs a program to its end and keeps what it printed. */

import './node-version.mjs'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

const outputLengthMax = 1_000_000

/**
 * Gives `{ code, output }`; `output` is empty when `show` passes it straight to the terminal. A program that cannot be
 * started gives code 127.
 */
export function runProgram(command, args, { show = false, env = process.env } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env,
      stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      // npm is a script on Windows, and those only run through the shell there.
      shell: process.platform === 'win32' && command.endsWith('.cmd'),
    })
    let output = ''
    const keep = (chunk) => {
      if (output.length < outputLengthMax) output += chunk
    }
    child.stdout?.setEncoding('utf8').on('data', keep)
    child.stderr?.setEncoding('utf8').on('data', keep)
    child.on('error', (problem) => resolve({ code: 127, output: `${output}${problem.message}\n` }))
    child.on('close', (code, signal) =>
      resolve({ code: code ?? (signal === null ? 1 : 128), output }),
    )
  })
}

/** Runs one of the project's development programs with this very Node. */
export function runTool(path, args, options) {
  return runProgram(process.execPath, [`node_modules/${path}`, ...args], options)
}

export function seconds(sinceMs) {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
}
