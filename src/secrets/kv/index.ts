import type { BackendType } from '../../framework/backend.ts'
export const kvBackend: BackendType = { types: ['kv'], class: 'secret', create: () => ({ paths: [] }) }
