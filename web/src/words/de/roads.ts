// Deutsch: Wege und Proxys.

import type { Roads } from "../en/roads";
import type { Format } from "../format";

export const roads = ({ t, plural, number }: Format): Roads => ({
  roadDirect: "Direkt",
  roadProxy: (name) => t`Über Proxy ${name}`,
  roadConnecting: "Verbinde",
  roadOffline: "Offline",
  roadTitle: "Wie der Dienst erreicht wird",
  roadDirectWhy: "Geradewegs zum Dienst, ohne Proxy.",
  roadProxyWhy: (name) =>
    t`Der direkte Weg wird nicht benutzt. ${name} reicht alles weiter und kann nichts davon lesen.`,
  roadConnectingWhy: "Ein Weg wird gesucht.",
  roadOfflineWhy:
    "Im Moment kommt kein Weg durch. Was du schreibst, bleibt hier und wird gesendet, sobald einer frei ist.",
  roadNextTry: (time) => t`Nächster Versuch um ${time}`,
  roadEnd: { service: "Dienst", proxy: "Proxy" },
  roadNotOffered: (end) => `Der Link des ${end}s bietet diese Art von Weg nicht an.`,
  roadNoAddress: (end) =>
    `Zum Namen des ${end}s gibt es keine Adresse. Ist dieses Gerät online? Auch ein Zensor kann Namen sperren.`,
  roadClosed: (end) => `Der Port des ${end}s ist geschlossen. Vielleicht ist er ausgeschaltet oder sein Link veraltet.`,
  roadUnreachable: (end) => `Der ${end} ist aus diesem Netz nicht erreichbar. Ist dieses Gerät online?`,
  roadTimedOut: (end) =>
    `Der ${end} hat nicht rechtzeitig geantwortet. Vielleicht ist er hier gesperrt oder ausgeschaltet.`,
  roadCut: (end) => `Die Verbindung zum ${end} wurde getrennt. Das kann jemand auf dem Weg gewesen sein.`,
  roadWrongPin: (end) =>
    `Das Zertifikat ist nicht das aus dem Link des ${end}s. Jemand sitzt dazwischen, oder es gibt einen neuen Link.`,
  roadUnknownAuthority: (end) =>
    `Niemand, dem dieses System vertraut, bürgt für das Zertifikat des ${end}s. Vielleicht sitzt jemand dazwischen.`,
  roadWrongName: (end) =>
    `Das Zertifikat des ${end}s gilt für einen anderen Namen. Jemand sitzt dazwischen, oder der Link ist falsch.`,
  roadClock: (end) => `Das Zertifikat des ${end}s gilt zurzeit nicht. Geht die Uhr dieses Geräts richtig?`,
  roadTls: (end) => `Der ${end} und diese App einigen sich nicht auf TLS. Vielleicht sitzt jemand dazwischen.`,
  roadNotOurs: (end) => `Was anstelle des ${end}s antwortet, gehört nicht zu uns. Ist der Link aktuell?`,
  roadServiceBehind: "Der Proxy funktioniert, erreicht den Dienst aber zurzeit nicht.",
  roadWrongKey: "Wer geantwortet hat, besitzt den Schlüssel des Dienstes nicht. Ist der Link des Dienstes aktuell?",
  roadVersion: "App und Dienst haben verschiedene Versionen. Aktualisiere die App.",
  storageAndData: "Speicher und Daten",
  proxy: "Proxy",
  proxies: "Proxys",
  proxyWhy:
    "Ein Proxy ist ein Computer, den jemand verleiht. Er reicht deine Daten weiter, wenn der Dienst gesperrt ist. Lesen kann er sie nicht.",
  whenToUse: "Wann Proxys benutzt werden",
  whenBlocked: "Wenn der direkte Weg versperrt ist",
  always: "Immer",
  never: "Nie",
  bites: "Kleine Stücke",
  bitesWhy:
    "Manche Netze frieren eine Verbindung ein, die 15 bis 20 kB getragen hat. In kleinen Stücken geht alles über viele kurze Verbindungen: langsamer, und ohne Anrufe.",
  whenFrozen: "Wo Verbindungen einfrieren",
  roadInBites: (road: string) => t`${road}, in kleinen Stücken`,
  roadInBitesWhy: "In kleinen Stücken: langsam, für Netze, die Verbindungen einfrieren. Anrufe kommen nicht durch.",
  freezes: "Dieses Netz friert Verbindungen ein.",
  freezesNever: "Dieses Netz friert Verbindungen ein. In kleinen Stücken kommen Nachrichten durch.",
  freezesAuto: "Wo nichts anderes durchkommt, geht Umweg in kleinen Stücken.",
  bitesHere: "Kleine Stücke benutzen",
  bitesAlways: "Immer kleine Stücke",
  callInBites: "Im Moment geht alles in kleinen Stücken. Nachrichten kommen durch, Anrufe nicht.",
  noProxies: "Noch kein Proxy",
  noProxiesWhy: "Wer einen betreibt, kann dir seinen Link geben.",
  addProxy: "Proxy hinzufügen",
  proxyLink: "Link des Proxys",
  proxyLinkHint: "Beginnt mit umweg://proxy/. Oder sein Host, wenn er allen offen steht (Port 5222).",
  test: "Testen",
  testProxy: (name) => t`${name} testen`,
  share: "Teilen",
  shareProxy: (name) => t`${name} teilen`,
  shareInChat: "Als Nachricht an",
  shareProxyWhy: "Gib ihn vertraulich weiter. Wer ihn öffentlich macht, gibt ihn dem Zensor.",
  removeProxy: (name) => t`${name} entfernen`,
  proxyRemoved: (name) => t`${name} entfernt`,
  proxyAdded: "Proxy hinzugefügt",
  proxyFrom: (name) => t`von ${name}`,
  proxyRenewed: (ago) => t`${ago} erneuert`,
  proxySharedWith: (count) => plural(count, { one: "mit # Kontakt geteilt", other: "mit # Kontakten geteilt" }),
  renewProxy: (name) => t`Neue Adresse von ${name}`,
  freshLink: "Sein neuer Link",
  replaceLink: "Ersetzen",
  proxyRenewedDone: "Der neue Link steht nun an der Stelle des alten",
  giveRenewals: "Neue Adressen weitergeben",
  giveRenewalsWhy:
    "Kontakte, mit denen du diesen Proxy geteilt hast, bekommen eine Minute später den neuen Link, ohne Nachricht. Sie übernehmen ihn nur, wenn sie den Proxy von dir haben.",
  takeRenewals: (name) => t`Neue Adressen von ${name} übernehmen`,
  takeRenewalsWhy:
    "Ein neuer Link für diesen Proxy tritt von selbst an seine Stelle. Kein anderer deiner Proxys wird je geändert.",
  takeProxyTitle: "Diesen Proxy benutzen?",
  takeProxyWhy:
    "Wer ihn betreibt, sieht deine Adresse und wie viel du sendest, und kann nichts lesen. Ist er von einem Kontakt, folgt er neuen Adressen, die dieser schickt. Nimm Proxys von Menschen, denen du vertraust.",
  proxyUntried: "Noch nicht versucht",
  proxyTesting: "Wird getestet …",
  proxyWorks: (ms) => t`Funktioniert, ${number(ms)} ms`,
  proxyFailed: "Funktioniert nicht",
  proxyInUse: "In Benutzung",
});
