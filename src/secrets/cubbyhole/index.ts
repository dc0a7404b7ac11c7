import type { BackendType } from '../../framework/backend.ts'
export const cubbyholeBackend: BackendType = { types: ['cubbyhole'], class: 'secret', create: () => ({ paths: [] }) }
