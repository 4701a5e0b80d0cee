import { Backlog } from "./backlog.ts";
import type { Failures } from "./failures.ts";
import type { Listener } from "./listener.ts";

/** The way from an observation to the listeners: deferred by the backlog, with every failure contained. */
export class News {
  readonly listeners: Listener[] = [];
  readonly #failures: Failures;
  readonly #backlog: Backlog;

  constructor(failures: Failures) {
    this.#failures = failures;
    this.#backlog = new Backlog(failures);
  }

  later(job: () => void, bytes?: number): void {
    this.#backlog.add(job, bytes);
  }

  /** One listener that throws must not stop the others. */
  tell(news: (listener: Listener) => void): void {
    for (const listener of this.listeners) this.#failures.contain(() => news(listener));
  }

  tellLater(news: (listener: Listener) => void): void {
    this.later(() => this.tell(news));
  }

  flush(): void {
    this.#backlog.flush();
  }
}
