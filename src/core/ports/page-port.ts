/** What the core asks of the server's pages, which know how all of them look. */

import type { ApiRequest } from '../../framework/api.ts'
import type { FlowPage } from '../../ui/flow-pages.ts'
import type { Page } from '../../ui/page.ts'

export interface PagePort {
  /** For the browser that makes the request: it has chosen its colours. */
  draw(page: FlowPage, request: Pick<ApiRequest, 'header'>): Page
}
