/** Groups the digits of a rounded number in threes: 12300 becomes `12 300`. */
export function grouped(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, " ");
}

/** `1.4 s`, `40 s`, `3 min 20 s`, `2 h 5 min`; a whole number of seconds gets no decimals. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (seconds < 9.95 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`;
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Rounds an estimate to three significant digits. */
export function roughly(count: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(count)) - 2);
  return Math.round(count / unit) * unit;
}

/** `98.7 %` for 0.987, rounded down so that only a full share reads 100 %. */
export function percent(part: number): string {
  return `${(Math.floor(part * 1000) / 10).toFixed(1)} %`;
}

/** `14:05:09` in the machine's time zone; `toTimeString` would load the names of all time zones, 1 MB. */
export function clockTime(time: string): string {
  const date = new Date(time);
  const parts = [date.getHours(), date.getMinutes(), date.getSeconds()];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
