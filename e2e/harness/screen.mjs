// A page as a person has it: things are found by their role and name, as a screen reader says them, and read as text.
//
// Playwright drives Chromium and Puppeteer drives Firefox; what is looked for in the page is one function, so both mean the same.

/** Waiting ends when it comes; this is only how long a busy machine may take before it is called broken. */
const WITHIN_MS = 45_000;
const ASK_EVERY_MS = 100;

export class Screen {
  static ofPlaywright(page) {
    return new Screen(page, {
      wait: (look, argument, timeout) => page.waitForFunction(look, argument, { timeout }),
      empty: async (handle) => handle.fill(''),
    });
  }

  static ofPuppeteer(page) {
    return new Screen(page, {
      wait: (look, argument, timeout) => page.waitForFunction(look, { timeout, polling: 100 }, argument),
      empty: async (handle) => {
        await handle.click({ count: 3 });
        await page.keyboard.press('Backspace');
      },
    });
  }

  constructor(page, driver) {
    this.page = page;
    this.driver = driver;
    this.errors = [];
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && this.errors.push(message.text()));
  }

  /** Waits for something to be there, to be seen and usable. `name` is a text (part of the name) or a regular expression. */
  async find(role, name, { within = WITHIN_MS, inside } = {}) {
    return (await this.#wait({ role, ...matcher(name), inside }, within, `a ${role} named ${name}`)).asElement();
  }

  async click(role, name, options) {
    await (await this.find(role, name, options)).click();
  }

  /** Types into a field, in place of what is in it. */
  async fill(name, text, options) {
    const field = await this.find('textbox', name, options);
    await this.driver.empty(field);
    await field.type(text);
  }

  async press(key) {
    await this.page.keyboard.press(key);
  }

  /** Waits until a text can be read somewhere (inside the element that the CSS selector names). */
  async sees(text, { within = WITHIN_MS, inside } = {}) {
    await this.#wait({ text: matcher(text), inside }, within, `the text ${text}`);
  }

  /** Waits until a text can be read nowhere any more. */
  async seesNo(text, { within = WITHIN_MS, inside } = {}) {
    await this.#wait({ text: matcher(text), gone: true, inside }, within, `the text ${text} to go`);
  }

  /** Waits until nothing of that role and name is there. */
  async findsNo(role, name, { within = WITHIN_MS, inside } = {}) {
    await this.#wait({ role, ...matcher(name), gone: true, inside }, within, `the ${role} named ${name} to go`);
  }

  /** All that can be read. */
  text(inside = 'body') {
    return this.page.evaluate((selector) => document.querySelector(selector)?.innerText ?? '', inside);
  }

  evaluate(work, argument) {
    return this.page.evaluate(work, argument);
  }

  /** Waits until the work, run in the page, answers with something true, and answers with that. It may be asynchronous. */
  async until(what, work, argument, within = WITHIN_MS) {
    const deadline = Date.now() + within;
    for (;;) {
      const answer = await this.page.evaluate(work, argument);
      if (answer) return answer;
      if (Date.now() > deadline) throw await this.#told(new Error('it did not come'), what, within);
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
  }

  reload() {
    return this.page.reload();
  }

  close() {
    return this.page.close();
  }

  async #wait(wanted, within, what) {
    try {
      return await this.driver.wait(lookFor, wanted, within);
    } catch (error) {
      throw await this.#told(error, what, within);
    }
  }

  async #told(error, what, within) {
    const text = await this.text().catch(() => '(the page is gone)');
    return new Error(`waited ${within} ms for ${what}: ${error.message}\n── the page says:\n${text}\n── its errors:\n${this.errors.join('\n')}`);
  }
}

function matcher(name) {
  return name instanceof RegExp ? { pattern: name.source, flags: name.flags } : { part: name };
}

/** Runs in the page, alone: it can use nothing from outside. */
function lookFor({ role, part, pattern, flags, text, gone, inside }) {
  const tags = {
    button: 'button, [role=button], input[type=submit]',
    link: 'a[href], [role=link]',
    textbox: 'input:not([type]), input[type=text], input[type=search], input[type=url], textarea, [contenteditable=true], [role=textbox]',
    heading: 'h1, h2, h3, h4, [role=heading]',
    checkbox: 'input[type=checkbox], [role=checkbox], [role=switch]',
    radio: 'input[type=radio], [role=radio]',
    tab: '[role=tab]',
    dialog: 'dialog, [role=dialog], [role=alertdialog]',
    list: 'ul, ol, [role=list]',
    listitem: 'li, [role=listitem]',
    option: 'option, [role=option]',
    status: '[role=status], output',
    alert: '[role=alert]',
    img: 'img, svg[role=img], [role=img]',
    region: 'section[aria-label], section[aria-labelledby], [role=region]',
  };
  const root = inside ? document.querySelector(inside) : document.body;
  const matches = (value, wanted) =>
    wanted.pattern ? new RegExp(wanted.pattern, wanted.flags).test(value) : value.toLowerCase().includes(wanted.part.toLowerCase());
  if (text) {
    const there = root !== null && matches(root.innerText, text);
    return gone ? !there : there;
  }
  const byIds = (ids) => ids.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? '').join(' ');
  const nameOf = (element) =>
    (element.getAttribute('aria-labelledby') && byIds(element.getAttribute('aria-labelledby'))) ||
    element.getAttribute('aria-label') ||
    [...(element.labels ?? [])].map((label) => label.textContent).join(' ') ||
    element.getAttribute('alt') ||
    element.textContent ||
    element.getAttribute('placeholder') ||
    element.getAttribute('title') ||
    '';
  const usable = (element) =>
    element.checkVisibility({ visibilityProperty: true }) && !element.disabled && !element.closest('[aria-hidden=true], [inert]');
  const found = [...(root?.querySelectorAll(tags[role] ?? `[role=${role}]`) ?? [])].find(
    (element) => usable(element) && matches(nameOf(element).trim().replace(/\s+/g, ' '), { part, pattern, flags }),
  );
  return gone ? !found : found;
}
