// English: roads and proxies. Other languages have the same keys, or they do not compile.

import type { Format } from "../format";

export const roads = ({ t, plural, number }: Format) => ({
  // ── roads ──
  roadDirect: "Direct",
  roadProxy: (name: string) => t`By proxy ${name}`,
  roadConnecting: "Connecting",
  roadOffline: "Offline",
  roadTitle: "How the service is reached",
  roadDirectWhy: "Straight to the service, without a proxy.",
  roadProxyWhy: (name: string) => t`The direct road is not used. ${name} passes everything on and can read none of it.`,
  roadConnectingWhy: "Looking for a road.",
  roadOfflineWhy: "No road gets through at the moment. What you write is kept and sent as soon as one does.",
  roadNextTry: (time: string) => t`Next try at ${time}`,

  // ── why a road leads nowhere ──
  roadEnd: { service: "service", proxy: "proxy" },
  roadNotOffered: (end: string) => `The ${end}’s link does not offer this form of road.`,
  roadNoAddress: (end: string) => `The ${end}’s name has no address. Is this device online? A censor can block a name.`,
  roadClosed: (end: string) => `The ${end}’s port is closed. It may be switched off, or its link may be old.`,
  roadUnreachable: (end: string) => `The ${end} cannot be reached from this network. Is this device online?`,
  roadTimedOut: (end: string) => `The ${end} did not answer in time. It may be blocked here, or switched off.`,
  roadCut: (end: string) => `The connection to the ${end} was cut. Somebody in between may do that.`,
  roadWrongPin: (end: string) =>
    `The certificate is not the one in the ${end}’s link. Somebody is in between, or there is a new link.`,
  roadUnknownAuthority: (end: string) =>
    `Nobody whom this system trusts vouches for the ${end}’s certificate. Somebody may be in between.`,
  roadWrongName: (end: string) =>
    `The ${end}’s certificate is for another name. Somebody is in between, or the link is wrong.`,
  roadClock: (end: string) => `The ${end}’s certificate is not valid at this time. Is this device’s clock right?`,
  roadTls: (end: string) => `The ${end} and this app cannot agree on TLS. Somebody may be in between.`,
  roadNotOurs: (end: string) => `What answers in the ${end}’s place is none of ours. Is the link current?`,
  roadServiceBehind: "The proxy works, but cannot reach the service at the moment.",
  roadWrongKey: "Who answered does not have the service’s key. Is the service’s link current?",
  roadVersion: "App and service are of different versions. Update the app.",

  // ── proxies ──
  storageAndData: "Storage and data",
  proxy: "Proxy",
  proxies: "Proxies",
  proxyWhy:
    "A proxy is a computer that somebody lends. It passes your traffic on when the service is blocked. It cannot read it.",
  whenToUse: "When to use proxies",
  whenBlocked: "When the direct road is blocked",
  always: "Always",
  never: "Never",
  bites: "Small pieces",
  bitesWhy:
    "Some networks freeze a connection that has carried 15 to 20 kB. In small pieces everything goes by many short connections: slower, and without calls.",
  whenFrozen: "Where connections freeze",
  roadInBites: (road: string) => t`${road}, in small pieces`,
  roadInBitesWhy: "In small pieces: slow, for networks that freeze connections. Calls do not get through.",
  freezes: "This network freezes connections.",
  freezesNever: "This network freezes connections. Messages get through in small pieces.",
  freezesAuto: "Where nothing else gets through, Umweg goes in small pieces.",
  bitesHere: "Use small pieces",
  bitesAlways: "Always use small pieces",
  callInBites: "Everything goes in small pieces at the moment. Messages get through, calls do not.",
  noProxies: "No proxy yet",
  noProxiesWhy: "Somebody who runs one can give you its link.",
  addProxy: "Add a proxy",
  proxyLink: "Link of the proxy",
  proxyLinkHint: "Begins with umweg://proxy/. Or its host, if it is open to everybody (port 5222).",
  test: "Test",
  testProxy: (name: string) => t`Test ${name}`,
  share: "Share",
  shareProxy: (name: string) => t`Share ${name}`,
  shareInChat: "As a message to",
  shareProxyWhy: "Pass it on privately. Whoever posts it in public hands it to the censor.",
  removeProxy: (name: string) => t`Remove ${name}`,
  proxyRemoved: (name: string) => t`${name} removed`,
  proxyAdded: "Proxy added",
  proxyFrom: (name: string) => t`from ${name}`,
  proxyRenewed: (ago: string) => t`renewed ${ago}`,
  proxySharedWith: (count: number) => plural(count, { one: "shared with # contact", other: "shared with # contacts" }),
  renewProxy: (name: string) => t`Fresh address of ${name}`,
  freshLink: "Its new link",
  replaceLink: "Replace",
  proxyRenewedDone: "The new link has taken the old one’s place",
  giveRenewals: "Pass fresh addresses on",
  giveRenewalsWhy:
    "Contacts with whom you have shared this proxy get its new link a minute later, without a message. They take it only if they took the proxy from you.",
  takeRenewals: (name: string) => t`Take fresh addresses from ${name}`,
  takeRenewalsWhy: "A new link for this proxy takes its place by itself. No other proxy of yours is ever changed.",
  takeProxyTitle: "Use this proxy?",
  takeProxyWhy:
    "Whoever runs it sees your address and how much you send, and can read nothing. If it is from a contact, it follows to new addresses that they send. Take proxies from people you trust.",
  proxyUntried: "Not tried yet",
  proxyTesting: "Testing…",
  proxyWorks: (ms: number) => t`Works, ${number(ms)} ms`,
  proxyFailed: "Does not work",
  proxyInUse: "In use",
});

export type Roads = ReturnType<typeof roads>;
