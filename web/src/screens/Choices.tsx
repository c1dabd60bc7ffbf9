// Settings that are one choice of a few: language and appearance.

import { useId } from "react";
import { Sheet } from "../parts/Detail";
import { setPreferences, type Theme, usePreferences } from "../preferences";
import { LANGUAGE_NAMES, LANGUAGES, useWords } from "../words";
import { themeName } from "./Settings";

export function LanguageChoice() {
  const words = useWords();
  const { language } = usePreferences();
  const options = [
    { value: null, label: words.systemLanguage },
    ...LANGUAGES.map((value) => ({ value, label: LANGUAGE_NAMES[value], lang: value })),
  ];
  return (
    <Sheet title={words.language}>
      <RadioGroup
        legend={words.language}
        options={options}
        chosen={language}
        onChoose={(value) => setPreferences({ language: value })}
      />
    </Sheet>
  );
}

const THEMES: Theme[] = ["system", "light", "dark"];

export function AppearanceChoice() {
  const words = useWords();
  const { theme } = usePreferences();
  return (
    <Sheet title={words.appearance}>
      <RadioGroup
        legend={words.appearance}
        options={THEMES.map((value) => ({ value, label: themeName(value, words) }))}
        chosen={theme}
        onChoose={(value) => setPreferences({ theme: value })}
      />
    </Sheet>
  );
}

type Option<T> = { value: T; label: string; lang?: string };
type RadioGroupProps<T> = { legend: string; options: Option<T>[]; chosen: T; onChoose: (value: T) => void };

export function RadioGroup<T extends string | null>({ legend, options, chosen, onChoose }: RadioGroupProps<T>) {
  const name = useId();
  return (
    <fieldset className="card card-choices">
      <legend className="hidden">{legend}</legend>
      {options.map(({ value, label, lang }) => (
        <label key={label} className="choice">
          <input type="radio" name={name} checked={value === chosen} onChange={() => onChoose(value)} />
          <span lang={lang}>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}
