import type { Observation, Observer } from "../../src/request/observer.ts";

const UNOBSERVED: Observation = Object.freeze({
  rewritten() {},
  sent() {},
  answered() {},
  chunk() {},
  end() {},
});

/** An observer that looks away. */
export const NOBODY: Observer = Object.freeze({ begin: () => UNOBSERVED, refused() {} });
