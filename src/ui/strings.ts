/**
 * Every text of the pages, in one place: what is shown is written here and nowhere else. What is
 * said about a reason is in `lib/reason-rows.ts`.
 */

import type { Side } from './reason-side.ts'

export const strings = {
  frame: {
    skip: 'Skip to content',
    help: 'Help',
    colours: 'Colours',
    themes: { auto: 'Auto', light: 'Light', dark: 'Dark' },
    version: (version: string) => `Version ${version}`,
  },

  done: {
    title: 'Signed in',
    who: 'You are signed in',
    isSignedIn: 'is signed in',
    on: 'on',
    next: 'Go back to where you began, such as your terminal. This window may be closed.',
  },

  blocked: {
    title: 'Blocked',
    heading: 'This sign-in is blocked',
    next: 'Nobody was signed in, and the terminal that waited has been told. This window may be closed.',
    report: 'If somebody asked you to open that link, tell the people who look after security.',
  },

  error: {
    signInFailed: 'Sign-in failed',
    noReason: 'The server gave no reason.',
    inTerminal: 'The terminal says more. Start the login there again.',
    got: 'Got',
    absent: 'nothing',
    expected: 'Expected',
    fix: 'What to do',
    details: 'Why, and details',
    why: 'Why',
    said: { provider: 'The identity provider said', server: 'The server said' },
    trail: 'For whoever looks it up',
    meaning: 'What this reason means',
    sides: {
      you: '',
      operator: 'The operator of this server has to change something.',
      provider: 'The identity provider has to change something.',
    } satisfies Readonly<Record<Side, string>>,
    sendTrail: 'Send them the line at the end of this card.',
  },

  confirmation: {
    title: 'Is this you?',
    heading: 'Is this you signing in?',
    lead: 'A terminal is waiting for your yes. It will then be able to do what you may do.',
    compare: 'Your terminal must show the same code',
    facts: {
      from: 'Started from',
      role: 'Role',
      method: 'Method',
      account: 'Account',
      started: 'Started',
    },
    unknown: 'unknown',
    whileHere: 'while this browser is at',
    account: 'the one you have just used',
    accountAt: 'the one you have just used at',
    justNow: 'just now',
    ago: (time: string) => `${time} ago`,
    warning: 'Confirm only what you started yourself, just now.',
    warningMore:
      'If somebody sent you this link or asks you to click, they want to sign in as you.',
    elsewhere:
      'Only the window that came back from the identity provider can answer. Nothing happens without its yes.',
    yes: 'Yes, this is me',
    no: 'No, block it',
  },

  handOver: {
    title: 'Signing in',
    heading: 'The identity provider has answered',
    lead: 'The window in which you began goes on from here. This one may be closed.',
    stuck: 'Nothing happens there? Start the sign-in again.',
  },

  login: {
    title: 'Sign in',
    titleOf: (name: string) => `Sign in to ${name}`,
    server: 'Server',
    namespace: 'Namespace',
    continueWith: 'Continue with',
    goesTo: 'goes to',
    withRole: 'with role',
    mount: (name: string) => `Mount ${name}/`,
    more: 'More ways to sign in',
    other: 'Other ways',
    moreMounts: (count: number) => `${count} more`,
    ways: {
      password: 'With a password',
      token: 'With a token',
      jwt: 'With a JWT',
      other: 'Another mount or role',
    },
    notEncrypted: 'This connection is not encrypted.',
    notEncryptedMore:
      'Your browser will not keep you signed in, and others can read what you send. Use https.',
    empty:
      'No sign-in method is shown to everybody here. Use a token, or one of the other ways. Operator:',
    fields: {
      token: 'Token',
      name: 'Name',
      password: 'Password',
      mount: 'Mount',
      jwt: 'JWT',
      jwtHint: 'Goes to this server only and is not kept.',
      role: 'Role',
      roleHint: "Empty: the mount's default role.",
    },
    buttons: {
      token: 'Sign in with the token',
      password: 'Sign in with the password',
      jwt: 'Sign in with the JWT',
      go: 'Go there',
    },
    notices: {
      signedOut: 'You are signed out.',
      signedOutAlive:
        'You are signed out here. The token lives on until it expires: it cannot be revoked from here.',
      ended: 'Your token has expired or was revoked. Sign in again.',
      held: 'It does not start by itself now: you have just signed out, or it did not work a moment ago.',
    },
  },

  account: {
    title: 'Who am I',
    signedInAs: 'Signed in as',
    token: 'A token',
    rootToken: 'Root token',
    via: 'via',
    role: 'role',
    expires: (time: string) => `The token expires in ${time}, at`,
    never: 'The token does not expire.',
    silent: 'The policies of this token do not let it read',
    silentMore: 'so there is little to tell.',
    next: 'What next',
    nextLead: 'The same in a terminal:',
    may: 'What it may do',
    everything: 'Everything.',
    everythingMore: 'This is a root token.',
    onlyItself: 'Look after itself, and nothing else.',
    nothing: 'nothing',
    by: 'by',
    morePaths: (count: number) => (count === 1 ? '1 more path' : `${count} more paths`),
    why: 'Policies, and why each is there',
    groups: 'Groups',
    details: 'Technical details',
    facts: { displayName: 'Display name', entity: 'Entity', path: 'Made by', type: 'Kind' },
    metadata: (name: string) => `Metadata ${name}`,
    signOut: 'Sign out',
    signOutRevoke: 'Sign out and revoke the token',
    ends: 'Ends the token at once.',
  },

  help: {
    title: 'Why a sign-in was refused',
    lead: 'A refused sign-in names its reason. Here is what each means, and what to do about it.',
    sides: {
      you: 'What you can put right yourself',
      operator: 'What the operator of this server can put right',
      provider: 'What the identity provider can put right',
    } satisfies Readonly<Record<Side, string>>,
    reason: 'Reason',
    status: 'Status',
    meaning: 'What it means',
    all: 'All reasons',
    inTerminal: 'In a terminal',
    unknown: 'There is no such reason',
    unknownMore: 'It may be mistyped, or from another version.',
  },

  actions: {
    start: 'Go to the start',
    startAgain: 'Start again',
    otherWays: 'Other ways to sign in',
    tryAgain: 'Try again',
    back: 'Back',
    openSignIn: 'Open the sign-in page',
    withJwt: 'Sign in with a JWT',
    allReasons: 'All reasons',
  },

  problems: {
    notFound: {
      summary: 'There is no such page',
      detail: 'The address may be mistyped, or from another version.',
    },
    method: {
      summary: 'Not this way',
      detail: (allow: string) => `This address is for ${allow} only.`,
    },
    twice: {
      summary: 'The address says something twice',
      detail: 'A parameter is there two times, so it is not clear which one counts.',
      fix: 'Start again from the sign-in page.',
    },
    sealed: {
      summary: 'This server is sealed',
      detail: 'It is running, but what it keeps is locked until its operators unseal it.',
      fix: 'Try again later, or have an operator unseal it.',
      label: 'Operator',
      command: 'tokenstile operator unseal',
    },
    foreignForm: {
      summary: 'This form is not from here',
      detail:
        'It was opened too long ago, in another browser, or on another site; or your browser keeps no cookies of this site.',
      fix: 'Open the page again and repeat what you did.',
    },
    noLookUp: {
      summary: 'The server cannot answer at the moment',
      detail: 'Who you are could not be looked up.',
      fix: 'Try again in a moment.',
    },
    notRevoked: {
      summary: 'The token could not be revoked',
      detail: 'You are still signed in: otherwise the token would live on without your knowing.',
      fix: 'Try again in a moment.',
    },
    noMethod: {
      summary: 'There is no such sign-in method',
      detail: (mount: string) => `Nothing at auth/${mount}/ takes this kind of sign-in.`,
      fix: 'Check the path of the mount, or ask the operator for it.',
    },
    cannotStart: {
      summary: (mount: string) => `Sign-in with ${mount} could not start`,
      noName: 'The request does not say by which name this server was reached.',
      noNameFix: 'Open the page by its usual address. Operator: set api_addr in the configuration.',
      defaultRole: 'the default role',
      role: (name: string) => `the role ${name}`,
      noAddress: (role: string) =>
        `Either ${role} does not allow the redirect URI of this page, or the identity provider could not be asked. The log of the server says which.`,
      noAddressFix:
        'Add exactly the redirect URI below to allowed_redirect_uris of the role, and to the client at the identity provider.',
      redirectUri: 'Redirect URI',
    },
    terminalOnly: {
      summary: 'This role is for terminals',
      detail:
        'Its callback_mode is direct or device: a command line starts such a sign-in and waits for it.',
      fix: 'Sign in with the command line, or with a role whose callback_mode is client.',
    },
    unknownFlow: {
      summary: 'Started in another browser, or too long ago',
      detail:
        'This browser has no sign-in waiting for the answer that the identity provider sent. A sign-in ends in the browser that began it, once, and within ten minutes.',
      fix: 'Start again here. If this happens each time, your browser keeps no cookies of this site.',
    },
    startedAgo: (time: string) => `This sign-in was started ${time} ago`,
    embedded: {
      detail: 'A sign-in has to be opened as a page of its own, not inside another one.',
      fix: 'Open the sign-in page in a tab of its own.',
    },
    tokenTooLong: {
      summary: 'The token is too long for a browser',
      detail: 'A browser keeps at most 4096 characters, and this token has more.',
      fix: 'Use the command line, or have the operator make the role give service tokens.',
    },
    badToken: {
      summary: 'This token cannot sign in',
      detail:
        'It has expired, was revoked, is used up, may not be used from here, or was never one of this server.',
      fix: 'Check that the whole token was copied, or get a new one.',
      isJwt: 'It looks like a JWT: that signs in through a mount and a role.',
      isJwtFix: 'Use the JWT form of the sign-in page.',
    },
    badName: {
      detail: 'A name is made of letters and digits, with ".", "-" and "_" inside.',
      fix: 'Type the name that the operator gave you.',
    },
    badMount: {
      detail: 'The mount is the path below auth/ under which the method is enabled, such as jwt.',
      fix: 'Ask the operator for the path of the mount.',
    },
    api: {
      summary: 'This address is for programs',
      detail: (status: number, text: string) => `It answered ${status}: ${text}`,
      fix: 'Sign in on the pages, or use the command line with a token.',
    },
  },
} as const
