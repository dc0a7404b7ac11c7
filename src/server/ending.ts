/** When and with what exit code the program ends. */

/** The one place where the end of the program is decided; the first cause wins. */
export class Ending {
  readonly reached: Promise<number>
  #resolve: (code: number) => void = () => undefined

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  with(code: number): void {
    this.#resolve(code)
  }
}
