// What the catalogues and the screens need of a language: plurals, numbers, dates, lists, and names that keep their direction.

export type PluralForms = { one?: string; other: string };

export class Format {
  readonly locale: string;
  readonly #rightToLeft: boolean;
  readonly #plurals: Intl.PluralRules;
  readonly #numbers: Intl.NumberFormat;
  readonly #percents: Intl.NumberFormat;
  readonly #lists: Intl.ListFormat;
  readonly #times: Intl.DateTimeFormat;
  readonly #weekdays: Intl.DateTimeFormat;
  readonly #days: Intl.DateTimeFormat;
  readonly #shortDays: Intl.DateTimeFormat;
  readonly #relativeDays: Intl.RelativeTimeFormat;
  readonly #durations: Intl.NumberFormat;

  constructor(locale: string) {
    this.locale = locale;
    this.#rightToLeft = locale.startsWith("fa");
    this.#plurals = new Intl.PluralRules(locale);
    this.#numbers = new Intl.NumberFormat(locale);
    this.#percents = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });
    this.#lists = new Intl.ListFormat(locale, { type: "conjunction" });
    this.#times = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
    this.#weekdays = new Intl.DateTimeFormat(locale, { weekday: "long" });
    this.#days = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });
    this.#shortDays = new Intl.DateTimeFormat(locale, { dateStyle: "short" });
    this.#relativeDays = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
    this.#durations = new Intl.NumberFormat(locale, { minimumIntegerDigits: 2, useGrouping: false });
  }

  /** A sentence with values in it: t`${name} joined`. Numbers get the language's digits, names keep their own direction. */
  readonly t = (texts: TemplateStringsArray, ...values: (string | number)[]): string =>
    texts.reduce((sentence, text, at) => sentence + this.#value(values[at - 1] ?? "") + text);

  /** `#` stands for the number. */
  readonly plural = (count: number, forms: PluralForms): string => {
    const form = this.#plurals.select(count) === "one" ? (forms.one ?? forms.other) : forms.other;
    return form.replaceAll("#", this.number(count));
  };

  /** A share from 0 to 1. */
  readonly percent = (share: number): string => this.#percents.format(share);

  readonly number = (value: number): string => this.#numbers.format(value);

  readonly list = (names: string[]): string => this.#lists.format(names.map((name) => this.#value(name)));

  readonly time = (at: number): string => this.#times.format(at);

  /** Today, yesterday, a weekday within the last week, or the date. */
  readonly day = (at: number, now: number): string => {
    const ago = daysBetween(at, now);
    if (ago <= 1 && ago >= 0) return capitalized(this.#relativeDays.format(-ago, "day"), this.locale);
    return ago > 1 && ago < 7 ? this.#weekdays.format(at) : this.#days.format(at);
  };

  /** Today, yesterday, 3 days ago. */
  readonly ago = (at: number, now: number): string =>
    this.#relativeDays.format(-Math.max(0, daysBetween(at, now)), "day");

  /** For a list: the time today, else the day in short. */
  readonly moment = (at: number, now: number): string => {
    const ago = daysBetween(at, now);
    if (ago === 0) return this.time(at);
    return ago > 0 && ago < 7 ? this.day(at, now) : this.#shortDays.format(at);
  };

  /** 4:05, or 1:04:05. */
  readonly duration = (ms: number): string => {
    const seconds = Math.max(0, Math.floor(ms / 1000));
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    const parts = hours > 0 ? [this.#durations.format(minutes)] : [];
    const first = this.number(hours > 0 ? hours : minutes);
    return [first, ...parts, this.#durations.format(seconds % 60)].join(":");
  };

  /** Digits of a code, in the language's own. */
  readonly digits = (code: string): string => code.replace(/\d/g, (digit) => this.number(Number(digit)));

  #value(value: string | number): string {
    if (typeof value === "number") return this.number(value);
    return this.#runsAgainst(value) ? `\u2068${value}\u2069` : value;
  }

  /** Whether the text's own direction differs from the language's; only then it is isolated. */
  #runsAgainst(text: string): boolean {
    return this.#rightToLeft
      ? /\p{Script=Latin}|\p{Script=Cyrillic}|\p{Script=Greek}/u.test(text)
      : /[\u0590-\u08ff]/u.test(text);
  }
}

function daysBetween(earlier: number, later: number): number {
  return Math.round((startOfDay(later) - startOfDay(earlier)) / 86_400_000);
}

export function startOfDay(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

function capitalized(text: string, locale: string): string {
  return text.slice(0, 1).toLocaleUpperCase(locale) + text.slice(1);
}
