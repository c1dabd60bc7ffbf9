// Short notices above everything: what went wrong, or what was done and can be taken back.

import type { Trouble } from "./link/link";
import type { Lost } from "./media/capture";

export type Notice =
  | { kind: "trouble"; trouble: Trouble }
  | { kind: "lost"; lost: Lost }
  | { kind: "done"; text: string; undo?: () => void };

export type Toast = Notice & { id: number };

const SHOWN_MS = 7_000;
const TOASTS_MAX = 3;

export class Toasts {
  readonly #listeners = new Set<() => void>();
  #toasts: Toast[] = [];
  #nextId = 1;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly all = (): Toast[] => this.#toasts;

  add(notice: Notice): void {
    const id = this.#nextId++;
    this.#set([...this.#toasts, { ...notice, id }].slice(-TOASTS_MAX));
    setTimeout(() => this.remove(id), SHOWN_MS);
  }

  remove(id: number): void {
    if (this.#toasts.some((toast) => toast.id === id)) this.#set(this.#toasts.filter((toast) => toast.id !== id));
  }

  #set(toasts: Toast[]): void {
    this.#toasts = toasts;
    for (const listener of this.#listeners) listener();
  }
}
