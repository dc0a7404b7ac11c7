/** The output formats (platform.md §9.2). `pretty` prints as `table`; `raw` is for `read` alone. */

export const outputFormats = ['table', 'json', 'yaml', 'pretty', 'raw'] as const

export type OutputFormat = (typeof outputFormats)[number]
