/** Preloaded into the program by a test: the first SIGUSR2 makes a timer throw, the second one leaves a rejection unhandled. */
const errors = [
  () => {
    throw new RangeError("stray \x1b[2J");
  },
  () => void Promise.reject(new TypeError("rejected")),
];

process.on("SIGUSR2", () => setTimeout(errors.shift()!));
