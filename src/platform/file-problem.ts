/**
 * What a system says of a file, as a sentence for a person: no name of a system call, and always
 * the path.
 */

const sentences: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `there is no file ${path}`,
  EISDIR: (path) => `${path} is a folder, and a file is wanted`,
  ENOTDIR: (path) => `${path} is no folder, or a part of it is none`,
  EACCES: (path) => `this account may not use ${path}`,
  EPERM: (path) => `this account may not use ${path}`,
  EROFS: (path) => `${path} lies on a disk that cannot be written to`,
  ENOSPC: (path) => `the disk of ${path} is full`,
  ELOOP: (path) => `${path} is a link that is not followed`,
  EEXIST: (path) => `${path} is there already`,
}

/** An error of the system in words, with the system's code for whoever decides by it. */
class FileProblem extends Error {
  readonly code: string

  constructor(code: string, text: string, cause: unknown) {
    super(text, { cause })
    this.code = code
  }
}

/** The error in words; what is none of the system, or is in words already, stays as it is. */
export function fileProblem(path: string, cause: unknown, doing: 'read' | 'write'): unknown {
  const code = codeOf(cause)
  if (code === undefined || cause instanceof FileProblem) return cause
  const isFolderMissing = doing === 'write' && code === 'ENOENT'
  const known = Object.hasOwn(sentences, code) ? sentences[code]?.(path) : undefined
  const text = isFolderMissing ? `there is no folder for ${path}` : known
  return new FileProblem(code, text ?? `${path} cannot be used (${code})`, cause)
}

export function isMissingFile(cause: unknown): boolean {
  return codeOf(cause) === 'ENOENT'
}

function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
}
