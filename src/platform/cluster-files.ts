/**
 * The door to what a Kubernetes pod is given: the files of its service account and the address of
 * the API server.
 */

import { readFile } from 'node:fs/promises'

export const systemClusterFiles = {
  readText: (path: string): Promise<string> => readFile(path, 'utf8'),
  environment: process.env,
} as const
