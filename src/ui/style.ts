/**
 * The one stylesheet of the pages, inline in each: design tokens first, then the few parts that
 * pages are made of.
 */

/**
 * Colours come in pairs, light and dark. `color-scheme` decides between them: the system's wish, or
 * the class that the server put on the root. Both halves of every pair that carries text have a
 * contrast of 4.5 or more, a test measures it.
 */
const tokens = `
:root{
color-scheme:light dark;
--page:light-dark(#f2f4f3,#0f1312);
--card:light-dark(#fff,#181d1c);
--sunken:light-dark(#f4f6f5,#111615);
--text:light-dark(#161b1a,#e9eeec);
--muted:light-dark(#525c59,#a5b0ac);
--line:light-dark(#dbe1de,#2c3432);
--control:light-dark(#7c8884,#72807b);
--accent:light-dark(#0a6a5b,#5fd0b9);
--accent-strong:light-dark(#07564a,#8be0ce);
--on-accent:light-dark(#fff,#06231d);
--accent-soft:light-dark(#e4f2ee,#143029);
--bad:light-dark(#a11d1d,#ffa59b);
--bad-soft:light-dark(#fdf0ef,#33191a);
--warn:light-dark(#7a4a00,#f2c572);
--warn-soft:light-dark(#fff5e0,#30250f);
--good:light-dark(#0f6b3c,#7fdba5);
--shadow:0 1px 2px light-dark(#0c1f1a14,#0006),0 12px 32px light-dark(#0c1f1a12,#0005);
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace;
--round:12px
}
:root.light{color-scheme:light}
:root.dark{color-scheme:dark}
`

const frame = `
*,::before,::after{box-sizing:border-box}
html{font:100%/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;-webkit-text-size-adjust:100%;background:var(--page);color:var(--text)}
body{margin:0;min-height:100vh;min-height:100svh;display:grid;grid-template-rows:auto 1fr auto;overflow-wrap:anywhere}
h1,h2,p,dl,dd,ul{margin:0}
h1{font-size:1.5rem;line-height:1.25;letter-spacing:-.012em;font-weight:680;text-wrap:balance}
h2{font-size:1rem;line-height:1.4;font-weight:650}
a{color:var(--accent);text-underline-offset:.18em}
a:hover{color:var(--accent-strong)}
code,.mono{font-family:var(--mono);font-size:.92em}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:6px}
main:focus{outline:none}
.skip{position:absolute;left:-100vw;top:.5rem;z-index:1;background:var(--card);padding:.6rem 1rem;border-radius:8px}
.skip:focus{left:.75rem}
.top,.foot{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:center;justify-content:space-between;padding:1rem clamp(1rem,4vw,2rem);font-size:.875rem}
.foot{color:var(--muted)}
.about{display:inline-flex;gap:1rem;align-items:center}
.about a{padding:.3rem 0;min-height:2rem;color:var(--muted)}
.brand{display:inline-flex;gap:.55rem;align-items:center;font-weight:650;font-size:1rem;letter-spacing:-.01em}
.brand svg{width:1.6rem;height:1.6rem;color:var(--accent);flex:none}
.where{border:1px solid var(--line);background:var(--card);border-radius:99px;padding:.1rem .7rem;color:var(--muted);font-weight:600}
.where.dev{color:var(--warn);background:var(--warn-soft);border-color:currentColor}
.themes{display:flex;flex-wrap:wrap;gap:.25rem;align-items:center}
.themes span,.themes a,.themes strong{padding:.3rem .6rem;min-height:2rem;border-radius:8px;color:var(--muted)}
.themes a:hover{color:var(--text)}
.themes strong{color:var(--text);background:var(--card);box-shadow:inset 0 0 0 1px var(--line);font-weight:600}
main{display:grid;align-content:start;justify-items:center;gap:1rem;padding:clamp(0rem,7vw - 2.5rem,4rem) clamp(.75rem,4vw,2rem) 2rem}
.card{width:100%;max-width:30rem;background:var(--card);border:1px solid var(--line);border-radius:18px;box-shadow:var(--shadow);padding:clamp(1.15rem,5vw,2.25rem);display:grid;gap:1.35rem}
.card>*{min-width:0}
.card.broad{max-width:42rem}
.lead{color:var(--muted)}
.head{display:grid;gap:.45rem}
.small{font-size:.875rem;color:var(--muted)}
.center{text-align:center;justify-items:center}
`

const parts = `
.button{display:inline-flex;align-items:center;justify-content:center;gap:.6rem;min-height:2.875rem;padding:.55rem 1.15rem;border:1px solid var(--control);border-radius:var(--round);background:var(--card);color:var(--text);font:inherit;font-weight:600;line-height:1.3;text-decoration:none;text-align:center;cursor:pointer}
.button:hover{border-color:var(--accent);color:var(--accent-strong)}
.button:focus-visible{border-radius:var(--round)}
.button.main{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
.button.main:hover{background:var(--accent-strong);border-color:var(--accent-strong)}
.button.wide{width:100%}
.button .go{margin-left:auto}
.button .end{margin-right:auto;text-align:left}
.button svg{width:1.15rem;height:1.15rem;flex:none}
.actions{display:flex;flex-wrap:wrap;gap:.75rem;align-items:center}
.ways{list-style:none;padding:0;display:grid;gap:.75rem}
.ways p{margin:.5rem 0 .1rem 1.15rem}
.ways p:empty{display:none}
.quiet{display:inline-flex;align-items:center;min-height:2.75rem;padding:.3rem .25rem}
.switches{list-style:none;margin:0;padding:0;display:grid;gap:.75rem}
.switches li{display:grid;grid-template-columns:4.5rem 1fr;gap:1rem;align-items:start}
.list{margin:0;padding:0 0 0 1.1rem;display:grid;gap:.1rem}
.list a{display:inline-block;padding:.3rem 0}
.facts{display:grid;grid-template-columns:minmax(6.5rem,max-content) 1fr;gap:.55rem 1.25rem}
.facts dt{color:var(--muted)}
.facts dd{min-width:0}
.story{display:grid;gap:1rem}
.story dt{font-size:.8125rem;font-weight:650;color:var(--muted);margin-bottom:.2rem}
.fix{background:var(--accent-soft);border-radius:var(--round);padding:.85rem 1rem;display:grid;gap:.4rem}
.fix h2{font-size:.8125rem;color:var(--accent-strong)}
.fix .small{color:var(--text)}
.compare{display:grid;gap:.6rem}
.compare div{display:grid;grid-template-columns:minmax(5.5rem,max-content) 1fr;gap:.1rem 1rem}
.compare dt{color:var(--muted)}
.compare dd{display:grid;gap:.15rem;font-weight:600}
.story blockquote{margin:0;padding:.1rem 0 .1rem .85rem;border-left:3px solid var(--line)}
.block{display:block;background:var(--sunken);border:1px solid var(--line);border-radius:10px;padding:.55rem .75rem;user-select:all}
.word{display:inline-block;max-width:100%;overflow-wrap:anywhere}
.note{border-radius:var(--round);padding:.85rem 1rem;display:grid;grid-template-columns:1.25rem 1fr;gap:.7rem;background:var(--accent-soft)}
.note svg{width:1.25rem;height:1.25rem;margin-top:.15rem}
.note.bad{background:var(--bad-soft)}.note.bad svg,.note.bad strong{color:var(--bad)}
.note.warn{background:var(--warn-soft)}.note.warn svg,.note.warn strong{color:var(--warn)}
.mark{width:3rem;height:3rem}
.mark.good{color:var(--good)}
.mark.bad{color:var(--bad)}
.code{font-family:var(--mono);font-size:clamp(1.5rem,8vw,2.1rem);font-weight:650;letter-spacing:.12em;text-align:center;background:var(--sunken);border:1px solid var(--line);border-radius:var(--round);padding:.6rem .75rem;line-height:1.3}
.trail{border-top:1px solid var(--line);padding-top:1.1rem;font-size:.875rem}
.pills{display:flex;flex-wrap:wrap;gap:.4rem;padding:0;list-style:none}
.pills li{border:1px solid var(--line);background:var(--sunken);border-radius:99px;padding:.1rem .7rem;font-size:.875rem}
form{display:grid;gap:.9rem}
.trail{display:grid;gap:.35rem}
.trail p{color:var(--muted)}
label{display:grid;gap:.3rem;font-weight:600;font-size:.9375rem}
label .small{font-weight:400}
input,textarea,select{width:100%;font:inherit;font-weight:400;color:var(--text);background:var(--card);border:1px solid var(--control);border-radius:10px;padding:.6rem .75rem;min-height:2.75rem}
textarea{min-height:6.5rem;resize:vertical;font-family:var(--mono);font-size:.875rem;word-break:break-all}
summary{cursor:pointer;list-style:none;display:flex;align-items:center;gap:.5rem;padding:.55rem 0;border-radius:8px;min-height:2.75rem}
summary::-webkit-details-marker{display:none}
summary::before{content:'';width:.45rem;height:.45rem;border:solid currentColor;border-width:0 2px 2px 0;transform:rotate(-45deg);flex:none;margin:0 .25rem}
details[open]>summary::before{transform:rotate(45deg)}
summary:hover{color:var(--accent-strong)}
.more{border-top:1px solid var(--line);padding-top:.6rem;margin-bottom:-.75rem}
.more details{border-top:1px solid var(--line);padding-left:.75rem}
.more details>:not(summary){margin:.35rem 0 1.25rem}
details>.story,details>.facts{margin-top:.35rem}
.rights{font-size:.9375rem}
.rights div{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:.1rem 1rem;padding:.5rem 0;border-bottom:1px solid var(--line)}
.rights div:last-child{border-bottom:0}
.rights dd{display:grid;gap:.2rem;align-content:start}
`

const adaptions = `
@media (max-width:40rem){.rights div{grid-template-columns:1fr}}
@media (max-width:26rem){.compare div{grid-template-columns:1fr}.facts{grid-template-columns:1fr;gap:.1rem}.facts dd{margin-bottom:.6rem}.actions .button{width:100%}}
@media (prefers-reduced-motion:no-preference){.button,a{transition:background-color .12s,border-color .12s,color .12s}}
@media (forced-colors:active){.card,.note,.fix,.button,.where,.code,.pills li{border:1px solid CanvasText}.button.main{forced-color-adjust:none;background:Highlight;color:HighlightText;border-color:Highlight}:focus-visible{outline-color:Highlight}}
@media print{.top,.foot,.button{display:none}}
`

export const stylesheet = [tokens, frame, parts, adaptions].join('').replaceAll('\n', '')
