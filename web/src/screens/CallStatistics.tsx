// What is measured of a running call, in numbers.

import { useMedia } from "../app";
import type { CallView } from "../contract";
import type { Rates, Report } from "../media/quality";
import { Dialog } from "../parts/Dialog";
import { useWords } from "../words";
import { explainQuality, gradeName } from "../words/trouble";

export function CallStatistics({ call, onClose }: { call: CallView; onClose: () => void }) {
  const words = useWords();
  const report = useMedia()?.report;
  return (
    <Dialog title={words.statistics} onClose={onClose}>
      {report ? (
        <>
          <Own report={report} />
          {report.rates.length > 0 && <People call={call} report={report} />}
          <p className="small quiet">{words.statisticsWhy}</p>
        </>
      ) : (
        <p className="quiet">{words.noStatistics}</p>
      )}
    </Dialog>
  );
}

function Own({ report }: { report: Report }) {
  const words = useWords();
  const { own, sent, roundTripMs, lostOnTheWay, frames, load } = report;
  const refused = frames.noKey + frames.unknownCodec + frames.malformed + frames.replayed + frames.forged;
  const rows = [
    [words.connection, [gradeName(own.grade, words), explainQuality(own, null, words)].filter(Boolean).join(". ")],
    [words.roundTrip, roundTripMs === null ? "–" : words.milliseconds(Math.round(roundTripMs))],
    [words.lossThere, words.percent(lostOnTheWay)],
    [words.sentSound, words.kilobits(Math.round(sent.audio / 1_000))],
    [
      words.sentPicture,
      sent.height === 0 ? "–" : `${words.kilobits(Math.round(sent.video / 1_000))} · ${words.lines(sent.height)}`,
    ],
    [words.decoding, words.ofACore(load.decoding)],
    [words.framesSealed, words.format.number(frames.sealed)],
    [words.framesOpened, words.format.number(frames.opened)],
    [words.framesRecovered, words.format.number(frames.recovered)],
    [words.framesRefused, words.format.number(refused)],
  ];
  return (
    <dl className="numbers">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function People({ call, report }: { call: CallView; report: Report }) {
  const words = useWords();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="numbers-wide" tabIndex={0} aria-label={words.inTheCall}>
      <table>
        <thead>
          <tr>
            <th scope="col">{words.statisticsName}</th>
            <th scope="col">{words.statisticsSound}</th>
            <th scope="col">{words.statisticsPicture}</th>
            <th scope="col">{words.statisticsLost}</th>
            <th scope="col">{words.statisticsDelay}</th>
          </tr>
        </thead>
        <tbody>
          {report.rates.map((rates) => (
            <Person key={rates.leaf} rates={rates} name={nameOf(call, rates.leaf)} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Person({ rates, name }: { rates: Rates; name: string }) {
  const words = useWords();
  const kilobits = (bits: number) => words.kilobits(Math.round(bits / 1_000));
  return (
    <tr>
      <th scope="row" dir="auto">
        {name}
      </th>
      <td>{kilobits(rates.audio)}</td>
      <td>{rates.height === 0 ? "–" : `${kilobits(rates.video)} · ${words.lines(rates.height)}`}</td>
      <td>{words.percent(rates.lost)}</td>
      <td>{words.milliseconds(Math.round(rates.delayMs))}</td>
    </tr>
  );
}

function nameOf(call: CallView, leaf: number): string {
  return call.present.find((person) => person.leaf === leaf)?.name ?? "–";
}
