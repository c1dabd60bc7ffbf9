// English: everywhere. Other languages have the same keys, or they do not compile.

import type { Format } from "../format";

export const app = ({ t, list, number }: Format) => ({
  // ── everywhere ──
  back: "Back",
  cancel: "Cancel",
  close: "Close",
  copy: "Copy",
  copied: "Copied",
  save: "Save",
  undo: "Undo",
  you: "You",
  skipToContent: "Skip to content",
  mainNavigation: "Main",
  notifications: "Notices",
  qrCode: (what: string) => t`QR code: ${what}`,

  // ── sections ──
  chats: "Chats",
  calls: "Calls",
  people: "People",
  settings: "Settings",

  // ── start ──
  loading: "Starting",
  appGone: "The app is not running",
  appGoneWhy: "This page belongs to the Umweg app on this computer. Start it again; the page goes on by itself.",
  appLost: "Connection to the app lost. Trying again…",
  noSecret: "Open Umweg from its own link",
  noSecretWhy: "The app prints a link when it starts and opens it in the browser. Only that link lets a page in.",
  welcomeTitle: "There is always a way round",
  welcomeWhy:
    "Messages and calls that only the people in them can read and hear, and that find a way where the straight road is blocked.",
  welcomeName: "Your name",
  welcomeNameHint: "This is what the people you write to see. No phone number, no e-mail.",
  createAccount: "Create account",

  // ── settings ──
  profile: "Name and link",
  language: "Language",
  systemLanguage: "As the system",
  appearance: "Appearance",
  themeSystem: "As the system",
  themeLight: "Light",
  themeDark: "Dark",
  saved: "Saved",

  // ── what went wrong ──
  errorNoAccount: "Create an account first.",
  errorAccountExists: "There is an account on this computer already.",
  errorNotALink: "This is not an Umweg link: those begin with umweg://.",
  errorOtherLink: (got: string, wanted: string) => `This is ${got}. What is needed here is ${wanted}.`,
  errorDamagedLink: "This link is incomplete or damaged. Copy it again, whole.",
  errorLongLink: "This is too long to be an Umweg link.",
  linkKind: { service: "a service’s link", proxy: "a proxy’s link", contact: "a person’s link" },
  errorOtherService: "This person uses another service and cannot be reached from here.",
  errorOwnLink: "This is your own link.",
  errorUnknown: "It does not exist any more.",
  errorEmpty: "There is nothing in it.",
  errorTooLong: (max: number) => t`That is too long: at most ${number(max)} bytes.`,
  errorTooMany: (max: number) => t`There is no room for more than ${number(max)}.`,
  errorNotAMember: "You are no longer in this conversation.",
  errorAlreadyInACall: "You are in a call already. Leave it first.",
  errorCallOver: "This call is over.",
  errorNotAContact: (names: string[]) => `Cannot be added, because they have not accepted you yet: ${list(names)}.`,
  errorDiskFull: "The disk is full. Make room; nothing was lost.",
  errorOurs: "Something went wrong in the app. Its log says what.",
  errorMedia: "Sound and picture of the call could not begin in this browser.",
  errorUnanswered: "The app did not answer. Nothing was done; try again when it runs.",

  // ── read out ──
  heardMessage: (name: string, text: string) => t`${name}: ${text}`,
  heardChat: (title: string) => t`New message in ${title}`,
  heardJoined: (name: string) => t`${name} joined the call`,
  heardLeft: (name: string) => t`${name} left the call`,
  heardRequest: (name: string) => t`${name} asks to be your contact`,
});

export type App = ReturnType<typeof app>;
