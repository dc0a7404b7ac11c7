/** Addresses of mail, as CEL programs may ask about (RFC 5322 §3.4): `a@b`, `Name <a@b>`. */

const lengthMax = 320
const atomPattern = /^[\w!#$%&'*+/=?^`{|}~-]+$/
const namePattern = /^[\w !#$%&'*+/=?^`{|}~.,"-]*$/

export function isEmailAddress(text: string): boolean {
  if (text.length > lengthMax) return false
  if (!text.endsWith('>')) return isBare(text)
  const open = text.lastIndexOf('<')
  return open !== -1 && namePattern.test(text.slice(0, open)) && isBare(text.slice(open + 1, -1))
}

function isBare(text: string): boolean {
  const at = text.lastIndexOf('@')
  return at > 0 && isDotted(text.slice(0, at)) && isDotted(text.slice(at + 1))
}

/** Words joined by single dots. */
function isDotted(text: string): boolean {
  return text.split('.').every((word) => atomPattern.test(word))
}
