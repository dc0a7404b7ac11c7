/**
 * The parts of a path's pattern; how one is written is told in `path.ts`. Patterns are ours, never
 * a user's.
 */

export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'word' | 'rest'; readonly name: string; readonly isOptional: boolean }

export type Capture = Extract<Segment, { readonly kind: 'word' | 'rest' }>

export function parsePattern(pattern: string): readonly Segment[] {
  return pattern.split('/').map((text): Segment => {
    const kind = text.startsWith(':') ? 'word' : text.startsWith('*') ? 'rest' : undefined
    if (kind === undefined) return { kind: 'literal', text }
    const isOptional = text.endsWith('?')
    return { kind, name: text.slice(1, isOptional ? -1 : undefined), isOptional }
  })
}

export function capturesOf(pattern: string): readonly Capture[] {
  return parsePattern(pattern).filter((segment) => segment.kind !== 'literal')
}

/** The path that the pattern makes of these captures. */
export function fillPattern(
  segments: readonly Segment[],
  captures: Readonly<Record<string, string>>,
): string {
  const parts: string[] = []
  for (const segment of segments) {
    if (segment.kind === 'literal') parts.push(segment.text)
    else {
      const text = captures[segment.name] ?? ''
      if (text !== '' || !segment.isOptional) parts.push(text)
    }
  }
  return parts.join('/')
}
